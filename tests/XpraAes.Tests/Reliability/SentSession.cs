using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Fuzz;
using XpraAes.Packets;
using XpraAes.Tests.Ciphers;

namespace XpraAes.Tests.Reliability;

/// <summary>One direction of a short session on the wire: small packets, one with a chunk, one compressed, and a disconnect.</summary>
internal sealed class SentSession
{
    /// <summary>Packets from the same process are read quickly: a reader that is not done by then is waiting for more.</summary>
    public static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(60);

    private readonly List<int> _ends = [];

    private SentSession(CipherParameters cipher, int seed)
    {
        Cipher = cipher;
        Key = CipherTestData.Bytes(cipher.KeySize, seed);
        object?[][] packets =
        [
            ["ping", 1L + seed, 1700000000000L],
            ["draw", 1L, "rgb32", Array.Empty<byte>(), new XpraDictionary { ["flush"] = 0L }],
            ["info-response", new XpraDictionary { ["version"] = "6.2.5", ["text"] = new string('x', 120), ["more"] = new string('y', 120) }],
            ["ping_echo", 1L + seed, 10L, 20L, 30L, -1L],
            ["disconnect", "client request"],
        ];
        using var stream = new MemoryStream();
        using var writer = new PacketWriter(stream);
        writer.Arm(PacketCipher.CreateEncryptor(cipher, Key));
        foreach (var packet in packets)
        {
            var data = PacketCodec.Encode(PacketEncoding.RencodePlus, packet);
            if ((string)packet[0]! == "draw")
                writer.Append(0, 0, chunkIndex: 3, CipherTestData.Bytes(40, seed: 9));
            if (data.Length > 100)
                writer.Append((byte)PacketEncoding.RencodePlus, PacketCompression.Lz4Header, 0, PacketCompression.CompressLz4(data));
            else
                writer.Append((byte)PacketEncoding.RencodePlus, 0, 0, data);
            writer.FlushAsync(default).AsTask().GetAwaiter().GetResult();
            _ends.Add((int)stream.Length);
        }
        Wire = stream.ToArray();
        (Packets, _) = Read(Wire);
        Assert.Equal(packets.Length, Packets.Count);
    }

    /// <summary>Every mode as streams and, where xpra has that, as packets with an IV of their own; CBC also as older versions pad it.</summary>
    public static TheoryData<AesMode, bool, int> Modes { get; } = new(
        Enum.GetValues<AesMode>().SelectMany(mode => new[] { (mode, true, 16), (mode, false, 16) }).Append((AesMode.CBC, true, 32)));

    public CipherParameters Cipher { get; }

    public byte[] Key { get; }

    /// <summary>The bytes on the wire.</summary>
    public byte[] Wire { get; }

    /// <summary>What the packets are, decoded.</summary>
    public IReadOnlyList<string> Packets { get; }

    public static SentSession Create(AesMode mode, bool stream, int unit, int seed = 1)
        => new(CipherTestData.Parameters(mode) with { Stream = stream, PaddingUnit = unit, IV = CipherTestData.Bytes(16, seed) }, seed);

    /// <summary>The bytes of one packet, its chunk included.</summary>
    public byte[] Part(int packet) => Wire[(packet == 0 ? 0 : _ends[packet - 1]).._ends[packet]];

    /// <summary>How many packets end before this byte.</summary>
    public int PacketsBefore(int offset) => _ends.Count(end => end <= offset);

    public PacketDecryptor Decryptor() => PacketCipher.CreateDecryptor(Cipher, Key);

    public PacketEncryptor Encryptor() => PacketCipher.CreateEncryptor(Cipher, Key);

    /// <summary>What a receiver reads from other bytes, and the error that ended it; null if it ended in order.</summary>
    public (List<string> Packets, XpraAesException? End) Read(byte[] wire)
    {
        var channel = new PacketChannel(new PiecesStream(wire), Limits.Default);
        channel.Reader.Arm(Decryptor());
        channel.TrustPeer();
        var packets = new List<string>();
        try
        {
            while (Now(channel.ReceiveAsync(default)) is { } packet)
                packets.Add(Convert.ToHexString(PacketCodec.Encode(PacketEncoding.RencodePlus, packet.Items)));
            return (packets, null);
        }
        catch (XpraAesException e)
        {
            return (packets, e);
        }
        finally
        {
            channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>Runs the receiving side of a session to its end; false if it broke off.</summary>
    public async Task<bool> RunEndpointAsync(byte[] wire, bool isClient)
    {
        var channel = new PacketChannel(new PiecesStream(wire), Limits.Default);
        channel.Reader.Arm(Decryptor());
        channel.Writer.Arm(Encryptor());
        var leg = CipherLeg.Of("peer", null, Cipher, Cipher, null, channel);
        var session = new EndpointSession(channel, leg, [], isClient, Limits.Default, () => new XpraDictionary { ["info"] = true });
        try
        {
            await session.RunAsync(default).WaitAsync(HelloTimeout);
            return true;
        }
        catch (XpraAesException)
        {
            return false;
        }
        finally
        {
            await session.DisposeAsync();
        }
    }

    private static T Now<T>(ValueTask<T> task)
    {
        Assert.True(task.IsCompleted, "It waits, although there is nothing more to come.");
        return task.GetAwaiter().GetResult();
    }
}
