using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Tests.Packets;
using Xunit;

namespace XpraAes.Tests.Handshake;

/// <summary>XPRA_ENCRYPT_FIRST_PACKET (PROTOCOL section 6).</summary>
public sealed class FirstPacketTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly XpraKey _key = XpraKey.Generate();
    private readonly DerivationGate.Entrance _derivations = new DerivationGate(2).For(System.Net.IPAddress.None);

    public static TheoryData<int, AesMode> VariantsAndModes { get; } = new(
        from variant in Enumerable.Range(0, FirstPacket.Variants.Count)
        from mode in Enum.GetValues<AesMode>()
        select (variant, mode));

    public void Dispose() => _key.Dispose();

    [Theory]
    [MemberData(nameof(VariantsAndModes))]
    public async Task Every_generations_first_packet_is_recognised_in_any_mode(int variant, AesMode mode)
    {
        var first = FirstPacket.Variants[variant];
        // Short and long paddings, some equal for both units, compressed and uncompressed.
        for (var length = 0; length < (mode == AesMode.CBC ? 32 : 2); length += 5)
        {
            object?[] hello = ["hello", new XpraDictionary { ["version"] = "4.4.6", ["filler"] = new string('x', 400 + length) }];
            var bytes = Write(first, mode, hello, compress: length % 2 == 1);
            // The client waits for an answer, so waiting for more bytes would hang.
            using var reader = new PacketReader(new ScriptedStream(bytes, staysOpen: true), Limits.Default.FirstPacketSize);
            var detected = await DetectAsync(reader, Enum.GetValues<AesMode>());
            Assert.NotNull(detected);
            Assert.Equal((mode, first.Iterations), (detected.Mode, detected.Iterations));
            if (mode == AesMode.CBC)
                Assert.Equal(first.Padding, detected.Padding);

            reader.Arm(SessionCiphers.CreateDecryptor(_key, detected));
            Assert.True(await reader.ReadAsync(default));
            Assert.Equal(bytes.Length, reader.BytesRead);
        }
    }

    [Fact]
    public async Task Only_allowed_modes_are_tried()
    {
        var bytes = Write(FirstPacket.Variants[0], AesMode.CTR, ["hello", new XpraDictionary { ["version"] = "6.2.5, and more than one block" }], compress: false);
        using var reader = new PacketReader(new ScriptedStream(bytes, staysOpen: true), Limits.Default.FirstPacketSize);
        Assert.Null(await DetectAsync(reader, [AesMode.GCM, AesMode.CFB]));
        Assert.NotNull(await DetectAsync(reader, [AesMode.CTR]));
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.CTR)]
    [InlineData(AesMode.GCM)]
    public async Task With_another_key_nothing_is_recognised_and_nothing_hangs(AesMode mode)
    {
        using var other = XpraKey.Generate();
        var bytes = Write(FirstPacket.Variants[0], mode, ["hello", new XpraDictionary { ["version"] = "6.2.5" }], compress: false, other);
        using var reader = new PacketReader(new ScriptedStream(bytes, staysOpen: true), Limits.Default.FirstPacketSize);
        Assert.Null(await DetectAsync(reader, Enum.GetValues<AesMode>()));
    }

    [Fact]
    public async Task An_unencrypted_packet_is_left_to_the_reader()
    {
        using var frames = new Frames();
        using var reader = new PacketReader(new ScriptedStream(frames.Add(["hello", new XpraDictionary()]).ToArray(), staysOpen: true), Limits.Default.FirstPacketSize);
        Assert.Null(await DetectAsync(reader, Enum.GetValues<AesMode>()));
        Assert.True(await reader.ReadAsync(default));
    }

    [Fact]
    public async Task A_packet_above_the_limit_costs_no_derivation()
    {
        var bytes = Write(FirstPacket.Variants[0], AesMode.CTR, ["hello", new byte[1000]], compress: false);
        using var reader = new PacketReader(new ScriptedStream(bytes, staysOpen: true), maxPayloadSize: 500);
        Assert.Null(await DetectAsync(reader, Enum.GetValues<AesMode>()));
        Assert.Equal(XpraErrorId.LimitReached, (await Assert.ThrowsAsync<XpraAesException>(async () => await reader.ReadAsync(default))).Id);
    }

    private async Task<CipherParameters?> DetectAsync(PacketReader reader, IEnumerable<AesMode> modes)
    {
        using var timeout = new CancellationTokenSource(s_timeout);
        return (await FirstPacket.DetectAsync(reader, [_key], modes, Limits.Default, _derivations, timeout.Token))?.Parameters;
    }

    private byte[] Write(FirstPacket first, AesMode mode, object?[] hello, bool compress, XpraKey? key = null)
    {
        using var stream = new MemoryStream();
        using var writer = new PacketWriter(stream);
        writer.Arm(SessionCiphers.CreateEncryptor(key ?? _key, first.Parameters(mode)));
        var data = PacketCodec.Encode(first.Encoding, hello);
        if (compress)
            writer.Append((byte)first.Encoding, PacketCompression.Lz4Header, chunkIndex: 0, PacketCompression.CompressLz4(data));
        else
            writer.Append((byte)first.Encoding, compression: 0, chunkIndex: 0, data);
        writer.FlushAsync(default).AsTask().GetAwaiter().GetResult();
        return stream.ToArray();
    }
}
