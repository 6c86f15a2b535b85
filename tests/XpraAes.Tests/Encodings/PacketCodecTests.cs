using System.Collections;
using System.Diagnostics;
using System.Numerics;
using System.Text;
using XpraAes.Encodings;
using Xunit;

namespace XpraAes.Tests.Encodings;

public sealed class PacketCodecTests
{
    private const PacketEncoding Plus = PacketEncoding.RencodePlus;

    public static TheoryData<PacketEncoding> Encodings => [PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode];

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Random_nested_values_survive_the_round_trip(PacketEncoding encoding)
    {
        var random = new Random(20260801);
        for (var i = 0; i < 2000; i++)
        {
            var value = Values.Random(random, encoding);
            var decoded = Decode(encoding, PacketCodec.Encode(encoding, value));
            Assert.Equal(Values.Describe(Values.AfterDecoding(value, encoding)), Values.Describe(decoded));
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_random_value_truncated_at_any_offset_is_malformed(PacketEncoding encoding)
    {
        var random = new Random(1);
        for (var i = 0; i < 60; i++)
        {
            var bytes = PacketCodec.Encode(encoding, Values.Random(random, encoding));
            for (var length = 0; length < Math.Min(bytes.Length, 1500); length++)
                Assert.Throws<MalformedPacketException>(() => Decode(encoding, bytes.AsSpan(0, length)));
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_flipped_bit_gives_another_value_or_a_malformed_packet(PacketEncoding encoding)
    {
        var random = new Random(2);
        for (var i = 0; i < 20; i++)
        {
            var bytes = PacketCodec.Encode(encoding, Values.Random(random, encoding));
            for (var bit = 0; bit < Math.Min(bytes.Length, 300) * 8; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                AssertSoundOrMalformed(encoding, bytes);
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Random_bytes_give_a_value_or_a_malformed_packet(PacketEncoding encoding)
    {
        var random = new Random(3);
        var bytes = new byte[64];
        for (var i = 0; i < 40_000; i++)
        {
            random.NextBytes(bytes);
            AssertSoundOrMalformed(encoding, bytes.AsSpan(0, random.Next(1, bytes.Length)));
        }
    }

    [Theory]
    [InlineData(PacketEncoding.RencodePlus, "c1")]
    [InlineData(PacketEncoding.RencodePlus, "3b")]
    [InlineData(PacketEncoding.RencodePlus, "6701")]
    [InlineData(PacketEncoding.RencodePlus, "3c01")]
    [InlineData(PacketEncoding.Rencode, "3b")]
    [InlineData(PacketEncoding.Rencode, "3c8161")]
    [InlineData(PacketEncoding.Bencode, "6c")]
    [InlineData(PacketEncoding.Bencode, "64313a61")]
    public void A_million_levels_are_malformed_whatever_depth_is_allowed(PacketEncoding encoding, string level)
    {
        var bomb = Enumerable.Repeat(Convert.FromHexString(level), 1_000_000).SelectMany(bytes => bytes).ToArray();
        Assert.Throws<MalformedPacketException>(() => Decode(encoding, bomb));
        Assert.Throws<MalformedPacketException>(() => { PacketCodec.Decode(encoding, bomb, new(int.MaxValue, int.MaxValue)); });
    }

    [Theory]
    [InlineData(PacketEncoding.RencodePlus, "c1", "c0", "")]
    [InlineData(PacketEncoding.RencodePlus, "3b", "3c7f", "7f")]
    [InlineData(PacketEncoding.Rencode, "6701", "66", "")]
    [InlineData(PacketEncoding.Bencode, "6c", "6465", "65")]
    public void The_depth_limit_is_exact(PacketEncoding encoding, string open, string innermost, string close)
    {
        byte[] Nested(int levels) => Convert.FromHexString(
            string.Concat(Enumerable.Repeat(open, levels - 1)) + innermost + string.Concat(Enumerable.Repeat(close, levels - 1)));

        Decode(encoding, Nested(Values.Limits.Depth));
        Assert.Throws<MalformedPacketException>(() => Decode(encoding, Nested(Values.Limits.Depth + 1)));
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void The_item_limit_counts_containers_keys_and_values(PacketEncoding encoding)
    {
        var value = new object?[] { 1L, new XpraDictionary { ["a"] = 2L }, new object?[] { 3L } };
        var bytes = PacketCodec.Encode(encoding, value);

        PacketCodec.Decode(encoding, bytes, new(8, 7));
        Assert.Throws<MalformedPacketException>(() => PacketCodec.Decode(encoding, bytes, new(8, 6)));
    }

    [Theory]
    [InlineData(PacketEncoding.RencodePlus, "2147483647:")]
    [InlineData(PacketEncoding.RencodePlus, "2147483647/abc")]
    [InlineData(PacketEncoding.RencodePlus, "2147483648/abc")]
    [InlineData(PacketEncoding.RencodePlus, "99999999999999999999999999/")]
    [InlineData(PacketEncoding.RencodePlus, "64;")]
    [InlineData(PacketEncoding.Rencode, "2147483647:")]
    [InlineData(PacketEncoding.Rencode, "99999999999999999999999999:")]
    [InlineData(PacketEncoding.Rencode, "3/abc")]
    [InlineData(PacketEncoding.Bencode, "2147483647:x")]
    [InlineData(PacketEncoding.Bencode, "4294967296:x")]
    [InlineData(PacketEncoding.Bencode, "3/abc")]
    public void A_string_with_an_impossible_length_is_malformed_and_costs_no_memory(PacketEncoding encoding, string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        Assert.Throws<MalformedPacketException>(() => Decode(encoding, bytes));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<MalformedPacketException>(() => Decode(encoding, bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Bytes_after_the_value_are_malformed(PacketEncoding encoding)
    {
        var bytes = PacketCodec.Encode(encoding, new object[] { "ping", 1 });
        Assert.Throws<MalformedPacketException>(() => Decode(encoding, [.. bytes, 0x01]));
        Assert.Throws<MalformedPacketException>(() => Decode(encoding, [.. bytes, .. bytes]));
    }

    [Fact]
    public void A_big_integer_is_18_to_63_plain_characters()
    {
        Assert.Equal(123456789012345678L, Decode(Plus, BigInt("123456789012345678")));
        Assert.Equal(BigInteger.Pow(10, 62), Decode(Plus, BigInt("1" + new string('0', 62))));
        foreach (var text in new[]
        {
            "12345678901234567", "1" + new string('0', 63), "+" + new string('1', 20), " " + new string('1', 20), new string('1', 20) + " ",
            "1_" + new string('1', 20), "0" + new string('1', 20), "-0" + new string('1', 20), "--" + new string('1', 20), "1234567890\u007f12345678", "",
        })
            Assert.Throws<MalformedPacketException>(() => Decode(Plus, BigInt(text)));
        Assert.Throws<XpraAesException>(() => PacketCodec.Encode(Plus, BigInteger.Pow(10, 63)));

        static byte[] BigInt(string text) => [0x3d, .. Encoding.ASCII.GetBytes(text), 0x7f];
    }

    [Theory]
    [InlineData("ie")]
    [InlineData("i-e")]
    [InlineData("i-0e")]
    [InlineData("i03e")]
    [InlineData("i+3e")]
    [InlineData("i 3e")]
    [InlineData("i3.0e")]
    [InlineData("i1234567890123456789012345678901234567890123456789012345678901234e")]
    [InlineData("3:ab")]
    [InlineData("l3:abce3:abc")]
    [InlineData("d1:ae")]
    [InlineData("dleee")]
    [InlineData("ddei1ee")]
    [InlineData("n")]
    [InlineData("e")]
    public void Bencode_that_is_not_plain_is_malformed(string text)
    {
        Assert.Throws<MalformedPacketException>(() => Decode(PacketEncoding.Bencode, Encoding.ASCII.GetBytes(text)));
    }

    [Fact]
    public void Bytes_that_start_no_value_are_malformed()
    {
        foreach (byte type in new byte[] { 0x2d, 0x2e, 0x2f, 0x3a, 0x7f })
            Assert.Throws<MalformedPacketException>(() => Decode(Plus, [type, 0x31, 0x31, 0x31]));
    }

    [Fact]
    public void Floats_of_32_and_64_bits_are_read_in_both_rencodes()
    {
        foreach (var encoding in new[] { Plus, PacketEncoding.Rencode })
        {
            Assert.Equal(1.5, Decode(encoding, Convert.FromHexString("423fc00000")));
            Assert.Equal(3.141592653589793, Decode(encoding, Convert.FromHexString("2c400921fb54442d18")));
        }
    }

    [Fact]
    public void Text_that_is_not_UTF8_is_malformed_in_rencodeplus_and_bytes_in_rencode()
    {
        byte[] bytes = [0x82, 0xc3, 0x28];
        Assert.Throws<MalformedPacketException>(() => Decode(Plus, bytes));
        Assert.Equal(new byte[] { 0xc3, 0x28 }, Decode(PacketEncoding.Rencode, bytes));
        Assert.Throws<XpraAesException>(() => PacketCodec.Encode(Plus, "\ud800"));
    }

    [Fact]
    public void A_dictionary_keeps_the_last_value_of_a_key_that_comes_twice()
    {
        var decoded = Decode(Plus, Convert.FromHexString("69" + "816101" + "816202" + "816103"));
        Assert.Equal("{\"a\": 3, \"b\": 2}", Values.Describe(decoded));
    }

    [Fact]
    public void Dictionary_keys_may_be_any_plain_value_but_null()
    {
        var decoded = Decode(Plus, Convert.FromHexString("6b" + "0102" + "322fff0003" + "4304" + "2c3ff8000000000000" + "05" + "312f6b06"));
        Assert.Equal("{1: 2, <FF00>: 3, true: 4, 1.5d: 5, \"k\": 6}", Values.Describe(decoded));
        foreach (var key in new[] { "45", "c0", "66" })
            Assert.Throws<MalformedPacketException>(() => Decode(Plus, Convert.FromHexString("67" + key + "01")));
    }

    [Fact]
    public void Keys_made_to_collide_do_not_slow_the_decoder_down()
    {
        const int count = 60_000;
        var bytes = new List<byte> { 0x3c };
        for (var i = 1L; i <= count; i++)
        {
            bytes.Add(0x41);
            bytes.AddRange(BitConverter.GetBytes((i << 32) | i).Reverse());
            bytes.Add(0x00);
        }
        bytes.Add(0x7f);

        var watch = Stopwatch.StartNew();
        var decoded = (XpraDictionary)Decode(Plus, bytes.ToArray())!;
        Assert.Equal(count, decoded.Count);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(4), $"took {watch.Elapsed}");
    }

    [Fact]
    public void Common_NET_types_encode_as_their_natural_counterparts()
    {
        Assert.Equal("c10f", Hex(new List<int> { 15 }));
        Assert.Equal("c20181" + "61", Hex(new ArrayList { (byte)1, "a" }));
        Assert.Equal("c2" + "0102", Hex(Enumerable.Range(1, 2).Where(n => n > 0)));
        Assert.Equal("67816105", Hex(new Hashtable { ["a"] = 5u }));
        Assert.Equal("67816105", Hex(new Dictionary<string, short> { ["a"] = 5 }));
        Assert.Equal("322fff00", Hex(new ReadOnlyMemory<byte>([0xff, 0x00])));
        Assert.Equal("322fff00", Hex(new List<byte> { 0xff, 0x00 }));
        Assert.Equal("2c3ff8000000000000", Hex(1.5f));
        Assert.Equal("3d31383434363734343037333730393535313631357f", Hex(ulong.MaxValue));
        Assert.Equal("05", Hex(new BigInteger(5)));

        static string Hex(object? value) => Convert.ToHexStringLower(PacketCodec.Encode(Plus, value));
    }

    [Fact]
    public void Types_without_a_counterpart_are_rejected_by_name()
    {
        var thrown = Assert.Throws<XpraAesException>(() => PacketCodec.Encode(Plus, new object[] { new Version(1, 0) }));
        Assert.Equal(XpraErrorId.InvalidOption, thrown.Id);
        Assert.Contains("System.Version", thrown.Message, StringComparison.Ordinal);
        Assert.NotNull(thrown.RecommendedAction);
    }

    [Fact]
    public void A_list_that_contains_itself_is_rejected()
    {
        var list = new object?[1];
        list[0] = list;
        Assert.Throws<XpraAesException>(() => PacketCodec.Encode(Plus, list));
    }

    [Fact]
    public void Yaml_is_rejected_with_advice()
    {
        var thrown = Assert.Throws<MalformedPacketException>(() => Decode(PacketEncoding.Yaml, "- ping\n"u8));
        Assert.Equal(XpraErrorId.UnsupportedEncoding, thrown.Id);
        Assert.Contains("--packet-encoders", thrown.Message, StringComparison.Ordinal);
        Assert.Throws<MalformedPacketException>(() => PacketCodec.Encode(PacketEncoding.Yaml, "ping"));
    }

    [Fact]
    public void Several_encoding_flags_at_once_are_malformed()
    {
        var thrown = Assert.Throws<MalformedPacketException>(() => Decode((PacketEncoding)0x11, [0x01]));
        Assert.Equal(XpraErrorId.MalformedPacket, thrown.Id);
    }

    private static object? Decode(PacketEncoding encoding, ReadOnlySpan<byte> bytes) => PacketCodec.Decode(encoding, bytes, Values.Limits);

    private static void AssertSoundOrMalformed(PacketEncoding encoding, ReadOnlySpan<byte> bytes)
    {
        object? value;
        try
        {
            value = Decode(encoding, bytes);
        }
        catch (MalformedPacketException)
        {
            return;
        }
        var again = Decode(encoding, PacketCodec.Encode(encoding, value));
        Assert.Equal(Values.Describe(Values.AfterDecoding(value, encoding)), Values.Describe(again));
    }
}
