using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

/// <summary>Compares the two engines, for all numbers of blocks that take different code paths in either.</summary>
public sealed class AesEngineTests
{
    private const int Block = 16;

    public static TheoryData<string, int> KernelsAndKeySizes { get; } = new(
        from kernel in Kernels.Keys
        from keySize in new[] { 16, 24, 32 }
        select (kernel, keySize));

    private delegate void Kernel(AesEngine engine, ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain);

    private static Dictionary<string, Kernel> Kernels => new()
    {
        ["EncryptCbc"] = (engine, source, destination, chain) => engine.EncryptCbc(source, destination, chain),
        ["DecryptCbc"] = (engine, source, destination, chain) => engine.DecryptCbc(source, destination, chain),
        ["EncryptCfb"] = (engine, source, destination, chain) => engine.EncryptCfb(source, destination, chain),
        ["DecryptCfb"] = (engine, source, destination, chain) => engine.DecryptCfb(source, destination, chain),
        ["XorCounter32"] = (engine, source, destination, chain) => engine.XorCounter32(source, destination, chain),
    };

    [Fact]
    public void The_processors_instructions_are_used_unless_disabled()
    {
        bool forbidden = Environment.GetEnvironmentVariable("XPRAAES_PORTABLE_AES") == "1";
        using var chosen = AesEngine.Create(new byte[16]);
        Assert.Equal(HardwareAes.IsSupported && !forbidden, chosen is HardwareAes);
        using var portable = AesEngine.Create(new byte[16], portable: true);
        Assert.IsType<PortableAes>(portable);
    }

    [Theory]
    [MemberData(nameof(KernelsAndKeySizes))]
    public void Hardware_and_portable_agree_on_every_number_of_blocks(string name, int keySize)
    {
        Assert.SkipUnless(HardwareAes.IsSupported, "This processor has no AES instructions.");
        var kernel = Kernels[name];
        byte[] key = CipherTestData.Bytes(keySize, seed: 1);
        using var hardware = new HardwareAes(key);
        using var portable = new PortableAes(key);
        foreach (int blocks in (int[])[.. Enumerable.Range(0, 41), 511, 512, 513, 1025])
        {
            byte[] input = CipherTestData.Bytes(blocks * Block, seed: blocks);
            byte[] chainHardware = CipherTestData.Bytes(Block, seed: blocks + 1);
            byte[] chainPortable = [.. chainHardware];
            byte[] outputHardware = new byte[input.Length];
            byte[] inPlacePortable = [.. input];
            kernel(hardware, input, outputHardware, chainHardware);
            kernel(portable, inPlacePortable, inPlacePortable, chainPortable);
            Assert.Equal(inPlacePortable, outputHardware);
            Assert.Equal(chainPortable, chainHardware);

            byte[] inPlaceHardware = [.. input];
            byte[] chainAgain = CipherTestData.Bytes(Block, seed: blocks + 1);
            kernel(hardware, inPlaceHardware, inPlaceHardware, chainAgain);
            Assert.Equal(outputHardware, inPlaceHardware);
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void Hardware_and_portable_agree_on_thousands_of_keys(int keySize)
    {
        Assert.SkipUnless(HardwareAes.IsSupported, "This processor has no AES instructions.");
        for (int seed = 0; seed < 2000; seed++)
        {
            byte[] key = CipherTestData.Bytes(keySize, seed);
            using var hardware = new HardwareAes(key);
            using var portable = new PortableAes(key);
            byte[] left = CipherTestData.Bytes(Block, seed + 1);
            byte[] right = [.. left];
            hardware.EncryptBlock(left);
            portable.EncryptBlock(right);
            Assert.Equal(right, left);

            byte[] zero = new byte[Block];
            hardware.DecryptCbc(left, left, zero);
            Assert.Equal(CipherTestData.Bytes(Block, seed + 1), left);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_32_bit_counter_wraps_around_without_a_carry(bool portable)
    {
        byte[] key = CipherTestData.Bytes(32, seed: 1);
        using var engine = AesEngine.Create(key, portable);
        for (uint before = 0; before < 20; before++)
        {
            byte[] counter = [.. CipherTestData.Bytes(12, seed: 2), 0, 0, 0, 0];
            BitConverter.TryWriteBytes(counter.AsSpan(12), System.Net.IPAddress.HostToNetworkOrder((int)(0 - before)));
            byte[] expected = new byte[24 * Block];
            for (uint i = 0; i < 24; i++)
            {
                var block = expected.AsSpan((int)i * Block, Block);
                counter.AsSpan(0, 12).CopyTo(block);
                BitConverter.TryWriteBytes(block[12..], System.Net.IPAddress.HostToNetworkOrder((int)(i - before)));
                engine.EncryptBlock(block);
            }

            byte[] keystream = new byte[expected.Length];
            engine.XorCounter32(keystream, keystream, counter);
            Assert.Equal(expected, keystream);
            Assert.Equal(CipherTestData.Bytes(12, seed: 2), counter[..12]);
            Assert.Equal((int)(24 - before), System.Net.IPAddress.NetworkToHostOrder(BitConverter.ToInt32(counter, 12)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_disposed_engine_cannot_be_used(bool portable)
    {
        var engine = AesEngine.Create(new byte[16], portable);
        engine.Dispose();
        engine.Dispose();
        byte[] block = new byte[Block];
        Assert.Throws<ObjectDisposedException>(() => engine.EncryptBlock(block));
        foreach (var kernel in Kernels.Values)
            Assert.Throws<ObjectDisposedException>(() => kernel(engine, block, block, block));
    }
}
