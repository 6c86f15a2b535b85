using System.Buffers.Binary;
using System.Text;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>The packets of both ends of a load: unencrypted xpra packets, which are just bytes to other programs.</summary>
internal static class PlainPackets
{
    /// <summary>The client's hello.</summary>
    public static byte[] ClientHello { get; } = Frame(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { Hello.PacketType, Hello.ForClient(Hello.NewUuid(), null, allowXor: false) }));

    /// <summary>The target's answer.</summary>
    public static byte[] ServerHello { get; } = Frame(PacketCodec.Encode(PacketEncoding.RencodePlus, new object?[] { Hello.PacketType, Hello.ForServer(Hello.NewUuid()) }));

    /// <summary>A packet of this payload size in bytes, at least 64: a list of a name and bytes.</summary>
    public static byte[] OfSize(int payloadSize)
    {
        // 0xC2: a list of two; 0x84: text of 4 bytes; digits and a slash: bytes (PROTOCOL section 2).
        var start = Encoding.ASCII.GetBytes("\0\0load" + (payloadSize - 16).ToString("D9", System.Globalization.CultureInfo.InvariantCulture) + "/");
        start[0] = 0xC2;
        start[1] = 0x84;
        var payload = new byte[payloadSize];
        start.CopyTo(payload, 0);
        return Frame(payload);
    }

    /// <summary>Reads and discards one packet. False: the stream ended.</summary>
    public static bool Skip(Stream stream)
    {
        var header = new byte[PacketHeader.Size];
        if (stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
            return false;
        var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4))];
        return stream.ReadAtLeast(payload, payload.Length, throwOnEndOfStream: false) == payload.Length;
    }

    /// <summary>The payload with its header.</summary>
    public static byte[] Frame(byte[] payload)
    {
        var packet = new byte[PacketHeader.Size + payload.Length];
        new PacketHeader((byte)PacketEncoding.RencodePlus, 0, 0, payload.Length).Write(packet);
        payload.CopyTo(packet, PacketHeader.Size);
        return packet;
    }
}
