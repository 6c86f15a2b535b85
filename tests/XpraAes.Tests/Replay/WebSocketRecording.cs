using System.Buffers.Binary;

namespace XpraAes.Tests.Replay;

/// <summary>Parses one recorded direction of a WebSocket (RFC 6455 section 5.2), independently of XpraAes.</summary>
internal static class WebSocketRecording
{
    private const byte Continuation = 0, Text = 1, Binary = 2;

    /// <summary>The content of every data frame behind the HTTP header, in one piece.</summary>
    public static byte[] Unframe(byte[] recorded)
    {
        var rest = recorded.AsSpan(recorded.AsSpan().IndexOf("\r\n\r\n"u8) + 4);
        var content = new MemoryStream();
        while (!rest.IsEmpty)
        {
            var opcode = rest[0] & 0x0f;
            var masked = (rest[1] & 0x80) != 0;
            var (length, start) = (rest[1] & 0x7f) switch
            {
                126 => ((int)BinaryPrimitives.ReadUInt16BigEndian(rest[2..]), 4),
                127 => (checked((int)BinaryPrimitives.ReadUInt64BigEndian(rest[2..])), 10),
                var small => (small, 2),
            };
            var mask = masked ? rest.Slice(start, 4).ToArray() : new byte[4];
            start += masked ? 4 : 0;
            var data = rest.Slice(start, length).ToArray();
            for (var i = 0; i < data.Length; i++)
                data[i] ^= mask[i % 4];
            if (opcode is Continuation or Text or Binary)
                content.Write(data);
            rest = rest[(start + length)..];
        }
        return content.ToArray();
    }
}
