using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

public sealed class PacketCipherTests
{
    private static readonly int[] Lengths = [.. Enumerable.Range(1, 257), 1400, 4095, 4096, 16384, 65535, 1 << 20];
    private static readonly byte[] Key = CipherTestData.Bytes(32, seed: 7);

    public static TheoryData<AesMode, bool, int, PaddingScheme, bool> Kinds { get; } = new(
        from mode in Enum.GetValues<AesMode>()
        from stream in new[] { true, false }
        from unit in stream && mode == AesMode.CBC ? new[] { 16, 32 } : [16]
        from padding in mode == AesMode.CBC ? new[] { PaddingScheme.Pkcs7, PaddingScheme.Legacy } : [PaddingScheme.Pkcs7]
        from portable in new[] { false, true }
        select (mode, stream, unit, padding, portable));

    // PROTOCOL section 7.
    [Theory]
    [InlineData(AesMode.CBC, true, 16, 1, 1, 16)]
    [InlineData(AesMode.CBC, true, 16, 15, 15, 16)]
    [InlineData(AesMode.CBC, true, 16, 16, 16, 32)]
    [InlineData(AesMode.CBC, true, 32, 1, 1, 32)]
    [InlineData(AesMode.CBC, true, 32, 16, 16, 32)]
    [InlineData(AesMode.CBC, true, 32, 32, 32, 64)]
    [InlineData(AesMode.CBC, false, 16, 1, 17, 32)]
    [InlineData(AesMode.CBC, false, 16, 16, 32, 48)]
    [InlineData(AesMode.CTR, true, 16, 7, 7, 7)]
    [InlineData(AesMode.CTR, false, 16, 7, 23, 23)]
    [InlineData(AesMode.GCM, true, 32, 7, 7, 7)]
    [InlineData(AesMode.CFB, false, 16, 16, 32, 32)]
    public void Sizes_are_those_of_the_protocol(AesMode mode, bool stream, int unit, int dataLength, int payloadSize, int wireSize)
    {
        var parameters = CipherTestData.Parameters(mode) with { Stream = stream, PaddingUnit = unit };
        using var encryptor = PacketCipher.CreateEncryptor(parameters, Key);
        using var decryptor = PacketCipher.CreateDecryptor(parameters, Key);
        Assert.Equal(payloadSize, encryptor.PayloadSize(dataLength));
        Assert.Equal(wireSize, encryptor.WireSize(dataLength));
        Assert.Equal(wireSize, decryptor.WireSize(payloadSize));
        Assert.Equal(payloadSize - dataLength, encryptor.DataOffset);
        Assert.Equal(payloadSize - dataLength, decryptor.DataOffset);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_length_round_trips_in_one_session(AesMode mode, bool stream, int unit, PaddingScheme padding, bool portable)
    {
        var parameters = CipherTestData.Parameters(mode) with { Stream = stream, PaddingUnit = unit, Padding = padding };
        using var encryptor = PacketCipher.CreateEncryptor(parameters, Key, portable);
        using var decryptor = PacketCipher.CreateDecryptor(parameters, Key, portable);
        foreach (int length in Lengths)
        {
            byte[] data = CipherTestData.Bytes(length, seed: length);
            byte[] wire = Encrypt(encryptor, data);
            Assert.Equal(decryptor.WireSize(encryptor.PayloadSize(length)), wire.Length);
            Assert.Equal(DecryptStatus.Done, decryptor.Decrypt(wire, encryptor.PayloadSize(length)));
            Assert.Equal(data, wire[decryptor.DataOffset..encryptor.PayloadSize(length)]);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_wire_bytes_are_BouncyCastles_encryption_of_data_and_padding(AesMode mode, bool stream, int unit, PaddingScheme padding, bool portable)
    {
        var parameters = CipherTestData.Parameters(mode) with { Stream = stream, PaddingUnit = unit, Padding = padding };
        using var encryptor = PacketCipher.CreateEncryptor(parameters, Key, portable);
        var plaintext = new List<byte>();
        var ciphertext = new List<byte>();
        foreach (int length in Enumerable.Range(1, 70))
        {
            byte[] data = CipherTestData.Bytes(length, seed: length);
            byte[] wire = Encrypt(encryptor, data);
            int pad = mode == AesMode.CBC ? unit - length % unit : 0;
            byte[] padded = [.. data, .. Enumerable.Repeat(padding == PaddingScheme.Legacy ? (byte)' ' : (byte)pad, pad)];
            if (stream)
            {
                plaintext.AddRange(padded);
                ciphertext.AddRange(wire);
            }
            else
            {
                Assert.Equal(BouncyCastle.Transform(mode, encrypt: true, Key, wire[..16], padded), wire[16..]);
            }
        }

        Assert.Equal(BouncyCastle.Transform(mode, encrypt: true, Key, parameters.IV.ToArray(), [.. plaintext]), ciphertext);
    }

    [Fact]
    public void Without_a_stream_every_packet_has_an_IV_of_its_own()
    {
        var parameters = CipherTestData.Parameters(AesMode.CTR) with { Stream = false };
        using var first = PacketCipher.CreateEncryptor(parameters, Key);
        using var second = PacketCipher.CreateEncryptor(parameters, Key);
        var ivs = new HashSet<string>();
        for (int i = 0; i < 100; i++)
        {
            Assert.True(ivs.Add(Convert.ToHexString(Encrypt(first, [1])[..16])));
            Assert.True(ivs.Add(Convert.ToHexString(Encrypt(second, [1])[..16])));
        }
    }

    [Fact]
    public void Without_a_stream_no_IV_need_be_announced()
    {
        var parameters = CipherTestData.Parameters(AesMode.CBC) with { Stream = false, IV = default };
        using var encryptor = PacketCipher.CreateEncryptor(parameters, Key);
        using var decryptor = PacketCipher.CreateDecryptor(parameters, Key);
        byte[] wire = Encrypt(encryptor, [1, 2, 3]);
        Assert.Equal(DecryptStatus.Done, decryptor.Decrypt(wire, 19));
        Assert.Equal([1, 2, 3], wire[16..19]);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, -1)]
    [InlineData(true, int.MinValue)]
    [InlineData(true, ProtocolDefaults.MaxHeaderPayload + 1)]
    [InlineData(true, int.MaxValue)]
    [InlineData(false, 0)]
    [InlineData(false, -5)]
    [InlineData(false, 15)]
    [InlineData(false, 16)]
    [InlineData(false, int.MaxValue)]
    public void A_payload_without_data_or_beyond_256_MiB_is_malformed(bool stream, int payloadSize)
    {
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            using var decryptor = PacketCipher.CreateDecryptor(CipherTestData.Parameters(mode) with { Stream = stream }, Key);
            Assert.Throws<MalformedPacketException>(() => decryptor.WireSize(payloadSize));
            Assert.Throws<MalformedPacketException>(() => decryptor.Decrypt(new byte[64], payloadSize));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(ProtocolDefaults.MaxHeaderPayload + 1)]
    public void Empty_and_too_large_data_cannot_be_sent(int dataLength)
    {
        using var encryptor = PacketCipher.CreateEncryptor(CipherTestData.Parameters(AesMode.CBC), Key);
        Assert.Throws<ArgumentOutOfRangeException>(() => encryptor.WireSize(dataLength));
        Assert.Throws<ArgumentOutOfRangeException>(() => encryptor.PayloadSize(dataLength));
    }

    [Fact]
    public void A_wire_buffer_of_another_size_is_refused()
    {
        using var encryptor = PacketCipher.CreateEncryptor(CipherTestData.Parameters(AesMode.CBC), Key);
        using var decryptor = PacketCipher.CreateDecryptor(CipherTestData.Parameters(AesMode.CBC), Key);
        Assert.Throws<ArgumentException>(() => encryptor.Encrypt(new byte[15], 3));
        Assert.Throws<ArgumentException>(() => encryptor.Encrypt(new byte[32], 3));
        Assert.Throws<ArgumentException>(() => decryptor.Decrypt(new byte[15], 3));
        Assert.Throws<ArgumentException>(() => decryptor.Decrypt(new byte[32], 3));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void An_IV_of_another_size_is_refused(int size)
    {
        var parameters = CipherTestData.Parameters(AesMode.CTR) with { IV = new byte[size] };
        Assert.Equal(XpraErrorId.CipherCapabilitiesInvalid, Assert.Throws<XpraAesException>(() => PacketCipher.CreateEncryptor(parameters, Key)).Id);
        Assert.Equal(XpraErrorId.CipherCapabilitiesInvalid, Assert.Throws<XpraAesException>(() => PacketCipher.CreateDecryptor(parameters, Key)).Id);
    }

    [Fact]
    public void A_key_size_that_AES_lacks_is_rejected()
    {
        var parameters = CipherTestData.Parameters(AesMode.CTR) with { KeySize = 20 };
        var exception = Assert.Throws<XpraAesException>(() => PacketCipher.CreateEncryptor(parameters, new byte[20]));
        Assert.Equal(XpraErrorId.CipherCapabilitiesInvalid, exception.Id);
    }

    [Fact]
    public void Programming_errors_are_argument_exceptions()
    {
        var parameters = CipherTestData.Parameters(AesMode.CBC);
        Assert.Throws<ArgumentException>(() => PacketCipher.CreateEncryptor(parameters, new byte[31]));
        Assert.Throws<ArgumentException>(() => PacketCipher.CreateEncryptor(parameters with { PaddingUnit = 0 }, Key));
        Assert.Throws<ArgumentException>(() => PacketCipher.CreateEncryptor(parameters with { PaddingUnit = 24 }, Key));
        Assert.Throws<ArgumentException>(() => PacketCipher.CreateDecryptor(parameters with { PaddingUnit = 64 }, Key));
        Assert.Throws<ArgumentOutOfRangeException>(() => PacketCipher.CreateDecryptor(parameters with { Mode = (AesMode)9 }, Key));
    }

    [Fact]
    public void Disposed_ciphers_cannot_be_used()
    {
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            var encryptor = PacketCipher.CreateEncryptor(CipherTestData.Parameters(mode), Key);
            var decryptor = PacketCipher.CreateDecryptor(CipherTestData.Parameters(mode), Key);
            byte[] wire = new byte[encryptor.WireSize(3)];
            encryptor.Dispose();
            decryptor.Dispose();
            Assert.Throws<ObjectDisposedException>(() => encryptor.Encrypt(wire, 3));
            Assert.Throws<ObjectDisposedException>(() => decryptor.Decrypt(wire, 3));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_packet_allocates(AesMode mode, bool stream, int unit, PaddingScheme padding, bool portable)
    {
        var parameters = CipherTestData.Parameters(mode) with { Stream = stream, PaddingUnit = unit, Padding = padding };
        using var encryptor = PacketCipher.CreateEncryptor(parameters, Key, portable);
        using var decryptor = PacketCipher.CreateDecryptor(parameters, Key, portable);
        byte[][] wires = [.. new[] { 1, 64, 257, 1400, 65536 }.Select(length => new byte[encryptor.WireSize(length)])];
        int[] lengths = [1, 64, 257, 1400, 65536];
        RunAll();
        // The minimum over several rounds, to ignore what the runtime itself allocates.
        Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => Measure()));

        long Measure()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
                RunAll();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void RunAll()
        {
            for (int i = 0; i < wires.Length; i++)
            {
                encryptor.Encrypt(wires[i], lengths[i]);
                if (decryptor.Decrypt(wires[i], encryptor.PayloadSize(lengths[i])) != DecryptStatus.Done)
                    Assert.Fail("A packet did not come back.");
            }
        }
    }

    private static byte[] Encrypt(PacketEncryptor encryptor, byte[] data)
    {
        byte[] wire = new byte[encryptor.WireSize(data.Length)];
        data.CopyTo(wire, encryptor.DataOffset);
        encryptor.Encrypt(wire, data.Length);
        return wire;
    }
}
