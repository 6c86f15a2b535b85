using System.Text.Json;
using XpraAes.Encodings;
using Xunit;

namespace XpraAes.Tests.Encodings;

/// <summary>Values, and their bytes as written by xpra's own encoders.</summary>
public sealed class EncoderFileTests
{
    public static TheoryData<PacketEncoding, string, string> Encoded => Rows(
        (encoding, row) => row.TryGetProperty("hex", out var hex) ? (encoding, row.GetProperty("value").GetRawText(), hex.GetString()!) : null);

    public static TheoryData<PacketEncoding, string, string> Refused => Rows(
        (encoding, row) => row.TryGetProperty("error", out var error) ? (encoding, row.GetProperty("value").GetRawText(), error.GetString()!) : null);

    [Theory]
    [MemberData(nameof(Encoded))]
    public void A_value_encodes_to_exactly_the_bytes_that_xpra_writes(PacketEncoding encoding, string json, string hex)
    {
        Assert.Equal(hex, Convert.ToHexStringLower(PacketCodec.Encode(encoding, Value(json))));
    }

    [Theory]
    [MemberData(nameof(Encoded))]
    public void The_bytes_that_xpra_writes_decode_to_the_value(PacketEncoding encoding, string json, string hex)
    {
        var decoded = PacketCodec.Decode(encoding, Convert.FromHexString(hex), Values.Limits);
        Assert.Equal(Values.Describe(Values.AfterDecoding(Value(json), encoding)), Values.Describe(decoded));
    }

    [Theory]
    [MemberData(nameof(Encoded))]
    public void What_xpra_writes_is_rejected_when_truncated_at_any_offset(PacketEncoding encoding, string json, string hex)
    {
        Assert.NotNull(json);
        var bytes = Convert.FromHexString(hex);
        for (var length = 0; length < bytes.Length; length++)
            Assert.Throws<MalformedPacketException>(() => PacketCodec.Decode(encoding, bytes.AsSpan(0, length), Values.Limits));
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_value_that_xpra_refuses_to_encode_is_rejected_here(PacketEncoding encoding, string json, string error)
    {
        Assert.NotEmpty(error);
        var thrown = Assert.Throws<XpraAesException>(() => PacketCodec.Encode(encoding, Value(json)));
        Assert.Equal(XpraErrorId.InvalidOption, thrown.Id);
    }

    private static object? Value(string json) => Values.FromJson(JsonDocument.Parse(json).RootElement);

    private static TheoryData<PacketEncoding, string, string> Rows(Func<PacketEncoding, JsonElement, (PacketEncoding, string, string)?> select)
    {
        var root = JsonDocument.Parse(File.ReadAllText(SharedFiles.Encoders)).RootElement;
        var rows = new TheoryData<PacketEncoding, string, string>();
        foreach (var encoding in new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode })
        {
            foreach (var row in root.GetProperty(encoding.ToString().ToLowerInvariant()).EnumerateArray())
            {
                if (select(encoding, row) is { } data)
                    rows.Add(data);
            }
        }
        return rows;
    }
}
