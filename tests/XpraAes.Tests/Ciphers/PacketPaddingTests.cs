using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

/// <summary>How the receiver checks the padding of CBC packets, and detects the peer's padding unit (PROTOCOL sections 7 and 12).</summary>
public sealed class PacketPaddingTests
{
    private static readonly byte[] Key = CipherTestData.Bytes(32, seed: 7);

    public static TheoryData<int, PaddingScheme, bool> Paddings { get; } = new(
        from unit in new[] { 16, 32 }
        from padding in new[] { PaddingScheme.Pkcs7, PaddingScheme.Legacy }
        from stream in unit == 16 ? new[] { true, false } : [true]
        select (unit, padding, stream));

    [Theory]
    [MemberData(nameof(Paddings))]
    public void A_flipped_bit_in_any_padding_byte_is_detected(int unit, PaddingScheme padding, bool stream)
    {
        var parameters = Parameters(unit) with { Padding = padding, Stream = stream };
        for (int length = 1; length <= unit + 1; length++)
        {
            byte[] packet = Padded(length, unit, padding);
            Assert.Equal(DecryptStatus.Done, Decrypt(parameters, packet, length));
            for (int at = length; at < packet.Length; at++)
            {
                for (int bit = 0; bit < 8; bit++)
                {
                    byte[] changed = [.. packet];
                    changed[at] ^= (byte)(1 << bit);
                    Assert.Equal(DecryptStatus.WrongPadding, Decrypt(parameters, changed, length));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paddings))]
    public void Padding_with_any_other_value_is_detected(int unit, PaddingScheme padding, bool stream)
    {
        var parameters = Parameters(unit) with { Padding = padding, Stream = stream };
        for (int length = 1; length <= unit + 1; length++)
        {
            byte[] packet = Padded(length, unit, padding);
            byte right = packet[^1];
            for (int value = 0; value < 256; value++)
            {
                packet.AsSpan(length).Fill((byte)value);
                var expected = value == right ? DecryptStatus.Done : DecryptStatus.WrongPadding;
                Assert.Equal(expected, Decrypt(parameters, packet, length));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paddings))]
    public void Another_key_gives_wrong_padding(int unit, PaddingScheme padding, bool stream)
    {
        var parameters = Parameters(unit) with { Padding = padding, Stream = stream };
        int wrong = 0;
        for (int seed = 0; seed < 200; seed++)
        {
            using var encryptor = PacketCipher.CreateEncryptor(parameters, CipherTestData.Bytes(32, seed: 1000 + seed));
            using var decryptor = PacketCipher.CreateDecryptor(parameters, Key);
            byte[] wire = new byte[encryptor.WireSize(20)];
            encryptor.Encrypt(wire, 20);
            wrong += decryptor.Decrypt(wire, encryptor.PayloadSize(20)) == DecryptStatus.WrongPadding ? 1 : 0;
        }

        Assert.Equal(200, wrong);
    }

    [Theory]
    [InlineData(16, false)]
    [InlineData(16, true)]
    [InlineData(32, false)]
    [InlineData(32, true)]
    public void The_padding_unit_is_detected_from_the_first_unambiguous_length(int unit, bool portable)
    {
        for (int first = 1; first <= 65; first++)
        {
            using var encryptor = PacketCipher.CreateEncryptor(Parameters(unit), Key, portable);
            using var decryptor = PacketCipher.CreateDecryptor(Parameters(0), Key, portable);
            bool known = false;
            foreach (int length in new[] { 16 + first % 16, first, 31, 5, 32, 48, 100 })
            {
                byte[] data = CipherTestData.Bytes(length, seed: length);
                byte[] wire = Encrypt(encryptor, data);
                int size = decryptor.WireSize(length);
                bool tells = length % 32 < 16;
                int missing = !known && tells && unit == 32 ? 16 : 0;
                Assert.Equal(wire.Length - missing, size);

                var status = decryptor.Decrypt(wire.AsSpan(0, size), length);
                if (missing > 0)
                {
                    Assert.Equal(DecryptStatus.MoreNeeded, status);
                    Assert.Equal(wire.Length, decryptor.WireSize(length));
                    status = decryptor.Decrypt(wire, length);
                }

                known |= tells;
                Assert.Equal(DecryptStatus.Done, status);
                Assert.Equal(data, wire[..length]);
                Assert.Equal(known ? unit : 0, decryptor.PaddingUnit);
            }
        }
    }

    [Fact]
    public void While_the_unit_is_unknown_only_the_two_right_paddings_pass()
    {
        for (int length = 1; length <= 33; length++)
        {
            int shorter = 16 - length % 16;
            bool tells = length % 32 < 16;
            byte[] packet = Padded(length, 16, PaddingScheme.Pkcs7);
            for (int value = 0; value < 256; value++)
            {
                packet.AsSpan(length).Fill((byte)value);
                var expected = value == shorter ? DecryptStatus.Done
                    : tells && value == shorter + 16 ? DecryptStatus.MoreNeeded
                    : DecryptStatus.WrongPadding;
                Assert.Equal(expected, Decrypt(Parameters(0), packet, length));

                // A single different byte makes either wrong.
                for (int at = length; at < packet.Length && shorter > 1; at++)
                {
                    byte[] changed = [.. packet];
                    changed[at] ^= 0x40;
                    Assert.Equal(DecryptStatus.WrongPadding, Decrypt(Parameters(0), changed, length));
                }
            }
        }
    }

    [Fact]
    public void The_sixteen_bytes_that_were_missing_are_checked_too()
    {
        byte[] packet = Padded(5, 32, PaddingScheme.Pkcs7);
        for (int at = 5; at < 32; at++)
        {
            byte[] wire = [.. packet];
            wire[at] ^= 1;
            using var cipher = CipherTestData.Cipher(AesMode.CBC, encrypt: true, portable: false, Key, Parameters(32).IV.ToArray());
            cipher.Transform(wire, wire);
            using var decryptor = PacketCipher.CreateDecryptor(Parameters(0), Key);
            var status = decryptor.Decrypt(wire.AsSpan(0, 16), 5);
            Assert.Equal(at < 16 ? DecryptStatus.WrongPadding : DecryptStatus.MoreNeeded, status);
            if (status == DecryptStatus.MoreNeeded)
                Assert.Equal(DecryptStatus.WrongPadding, decryptor.Decrypt(wire, 5));
        }
    }

    [Fact]
    public void The_unit_can_be_set_before_a_packet_reveals_it()
    {
        using var encryptor = PacketCipher.CreateEncryptor(Parameters(32), Key);
        using var decryptor = PacketCipher.CreateDecryptor(Parameters(0), Key);
        Assert.Equal(0, decryptor.PaddingUnit);
        decryptor.SetPaddingUnit(32);
        byte[] wire = Encrypt(encryptor, [1, 2, 3]);
        Assert.Equal(32, decryptor.WireSize(3));
        Assert.Equal(DecryptStatus.Done, decryptor.Decrypt(wire, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => decryptor.SetPaddingUnit(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => decryptor.SetPaddingUnit(24));
    }

    [Fact]
    public void Legacy_padding_implies_32_and_no_stream_implies_16()
    {
        using var legacy = PacketCipher.CreateDecryptor(Parameters(0) with { Padding = PaddingScheme.Legacy }, Key);
        Assert.Equal(32, legacy.PaddingUnit);
        using var packets = PacketCipher.CreateDecryptor(Parameters(0) with { Stream = false }, Key);
        Assert.Equal(16, packets.PaddingUnit);
    }

    [Fact]
    public void Modes_that_do_not_pad_have_no_unit()
    {
        foreach (var mode in new[] { AesMode.CTR, AesMode.GCM, AesMode.CFB })
        {
            using var decryptor = PacketCipher.CreateDecryptor(Parameters(0) with { Mode = mode }, Key);
            decryptor.SetPaddingUnit(32);
            Assert.Equal(0, decryptor.PaddingUnit);
            Assert.Equal(5, decryptor.WireSize(5));
        }
    }

    private static CipherParameters Parameters(int unit) => CipherTestData.Parameters(AesMode.CBC) with { PaddingUnit = unit };

    /// <summary>Data with correct padding, unencrypted.</summary>
    private static byte[] Padded(int length, int unit, PaddingScheme padding)
    {
        int pad = unit - length % unit;
        return [.. CipherTestData.Bytes(length, seed: length), .. Enumerable.Repeat(padding == PaddingScheme.Legacy ? (byte)' ' : (byte)pad, pad)];
    }

    /// <summary>Encrypts data that already includes its padding, and decrypts it.</summary>
    private static DecryptStatus Decrypt(CipherParameters parameters, byte[] padded, int length)
    {
        byte[] iv = parameters.IV.ToArray();
        byte[] wire = parameters.Stream ? [.. padded] : [.. iv, .. padded];
        using var cipher = CipherTestData.Cipher(AesMode.CBC, encrypt: true, portable: false, Key, iv);
        var body = wire.AsSpan(wire.Length - padded.Length);
        cipher.Transform(body, body);
        using var decryptor = PacketCipher.CreateDecryptor(parameters, Key);
        return decryptor.Decrypt(wire, decryptor.DataOffset + length);
    }

    private static byte[] Encrypt(PacketEncryptor encryptor, byte[] data)
    {
        byte[] wire = new byte[encryptor.WireSize(data.Length)];
        data.CopyTo(wire, encryptor.DataOffset);
        encryptor.Encrypt(wire, data.Length);
        return wire;
    }
}
