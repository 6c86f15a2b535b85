using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using XpraAes.Ciphers;
using XpraAes.Packets;
using Xunit;

namespace XpraAes.Tests.Replay;

/// <summary>Every recorded session between real xpra programs, read and written again by XpraAes.</summary>
[Trait("Category", "Captures")]
public sealed class CaptureTests
{
    public static IEnumerable<TheoryDataRow<string>> Sessions =>
        SharedFiles.Captures.Select(file => new TheoryDataRow<string>(file) { Label = Path.GetFileNameWithoutExtension(file) });

    [Fact]
    public void At_least_the_sessions_that_the_repository_carries_are_read()
    {
        var own = SharedFiles.OwnCaptures.Select(Path.GetFileName).ToHashSet();
        Assert.NotEmpty(own);
        Assert.Superset(own, SharedFiles.Captures.Select(Path.GetFileName).ToHashSet());
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public async Task Every_packet_decrypts_to_what_the_peers_read(string file)
    {
        var capture = new Capture(file);
        var recorded = capture.Packets;
        using var replay = new SessionReplay(capture);
        await foreach (var packet in replay.RunAsync())
            AssertIs(recorded[packet.Number], packet);
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public async Task Every_packet_encrypts_to_the_bytes_that_were_on_the_wire(string file)
    {
        using var replay = new SessionReplay(new Capture(file));
        await foreach (var packet in replay.RunAsync())
            Assert.Equal(Convert.ToHexString(packet.Wire), Convert.ToHexString(replay.WriteAgain(packet)));
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public async Task Every_cipher_is_found_in_the_stream_and_its_key_derived(string file)
    {
        var capture = new Capture(file);
        using var replay = new SessionReplay(capture);
        await foreach (var _ in replay.RunAsync())
        {
        }
        Assert.Equal(capture.Ciphers.Length, replay.Contexts.Count);
        foreach (var (recorded, context) in capture.Ciphers.Zip(replay.Contexts))
            AssertIs(recorded, context);
    }

    /// <summary>Pictures of windows and icons go in front of the packet that they belong to, and are no packets themselves.</summary>
    [Fact]
    public async Task The_pictures_of_a_graphical_session_are_read()
    {
        using var replay = new SessionReplay(new Capture(SharedFiles.OwnCaptures.Single(file => file.Contains("pictures", StringComparison.Ordinal))));
        List<ReplayedPacket> packets = [];
        await foreach (var packet in replay.RunAsync())
            packets.Add(packet);
        var pictures = packets.Where(packet => packet.Header.IsChunk).ToArray();
        Assert.Equal(["s2c 5", "s2c 5", "s2c 7", "s2c 7", "s2c 7"], pictures.Select(picture => $"{picture.Direction} {picture.Header.ChunkIndex}").Order());
        Assert.All(pictures, picture => Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], picture.Payload[..4]));
    }

    private static void AssertIs(JsonElement recorded, ReplayedPacket packet)
    {
        var header = recorded.GetProperty("header");
        Assert.Equal(
            new PacketHeader(header.GetProperty("flags").GetByte(), header.GetProperty("level").GetByte(), header.GetProperty("index").GetByte(), header.GetProperty("size").GetInt32()),
            packet.Header);
        Assert.Equal(recorded.GetProperty("dir").GetString(), packet.Direction);
        Assert.Equal(recorded.GetProperty("offset").GetInt32(), packet.Offset);
        Assert.Equal(recorded.GetProperty("wire_payload_size").GetInt32(), packet.Wire.Length - PacketHeader.Size);
        Assert.Equal(recorded.GetProperty("encrypted").GetBoolean(), packet.Header.IsEncrypted);
        Assert.Equal(recorded.GetProperty("plain_sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(packet.Payload)));
        Assert.Equal(recorded.GetProperty("compression").GetString() ?? "none", PacketCompression.Name(packet.Header.Compression));
        if (packet.Header.IsChunk)
            return;
        Assert.Equal(recorded.GetProperty("encoder").GetString(), packet.Header.Encoding.ToString().ToLowerInvariant());
        // Two of the largest packets were recorded without their type.
        if (recorded.TryGetProperty("type", out var type))
            Assert.Equal(TypeName(type), packet.Packet.Type);
        else
            Assert.NotEmpty(packet.Packet.Type);
    }

    private static void AssertIs(JsonElement recorded, SessionReplay.Context context)
    {
        var (parameters, mode) = (context.Parameters, context.Parameters.Mode);
        Assert.Equal(recorded.GetProperty("direction").GetString(), context.Direction);
        Assert.Equal(recorded.GetProperty("announced_in_packet") is { ValueKind: JsonValueKind.Number } number ? number.GetInt32() : null, context.AnnouncedIn);
        Assert.Equal(recorded.GetProperty("mode").GetString(), CipherNames.ModeName(mode));
        Assert.Equal(recorded.GetProperty("iv").GetString(), Encoding.Latin1.GetString(parameters.IV.Span));
        Assert.Equal(recorded.GetProperty("key_salt").GetString(), Convert.ToHexStringLower(parameters.Salt.Span));
        Assert.Equal(recorded.GetProperty("key_hash").GetString(), CipherNames.HashName(parameters.KeyHash));
        Assert.Equal(recorded.GetProperty("key_size").GetInt32(), parameters.KeySize);
        Assert.Equal(recorded.GetProperty("iterations").GetInt32(), parameters.Iterations);
        Assert.Equal(recorded.GetProperty("stream").GetBoolean(), parameters.Stream);
        Assert.Equal(recorded.GetProperty("derived_key").GetString(), Convert.ToHexStringLower(context.DerivedKey));
        // The modes that do not pad have no padding to agree or disagree about.
        if (mode != AesMode.CBC)
            return;
        Assert.Equal(recorded.GetProperty("padding").GetString(), CipherNames.PaddingName(parameters.Padding));
        // An encrypted first packet need not show which of the two it is.
        if (parameters.PaddingUnit != 0 || context.AnnouncedIn is not null)
            Assert.Equal(recorded.GetProperty("block_size").GetInt32(), parameters.PaddingUnit);
    }

    private static string TypeName(JsonElement type) => type.ValueKind switch
    {
        JsonValueKind.Object => type.GetProperty("$b").GetString()!,
        JsonValueKind.Number => $"#{type.GetInt32()}",
        _ => type.GetString()!,
    };
}
