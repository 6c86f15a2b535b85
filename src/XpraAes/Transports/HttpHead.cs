using System.Text;

namespace XpraAes.Transports;

/// <summary>A start line and its header fields; repeated fields are joined to one list.</summary>
internal sealed record HttpHead(string StartLine, Dictionary<string, string> Fields)
{
    /// <summary>Largest request or answer in bytes, header fields included; arbitrary, browsers send under 2 KB.</summary>
    public const int MaxSize = 8 * 1024;

    private static ReadOnlySpan<byte> EndOfHead => "\r\n\r\n"u8;

    /// <summary>The start line as that of a request for a path; null if it is none.</summary>
    public HttpRequestLine? Request { get; } = HttpRequestLine.Parse(StartLine);

    private static HttpHead? Parse(ReadOnlySpan<byte> data)
    {
        var lines = Encoding.Latin1.GetString(data).Split("\r\n");
        // A single CR or LF ends a line for some programs and not for others.
        if (lines.Any(static line => line.Any(static c => char.IsControl(c) && c != '\t')))
            return null;
        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || !IsPlain(line[..colon]))
                return null;
            var (name, value) = (line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
            fields[name] = fields.TryGetValue(name, out var before) ? $"{before}, {value}" : value;
        }
        return new(lines[0], fields);
    }

    public string Field(string name) => Fields.GetValueOrDefault(name, "");

    /// <summary>Whether a comma-separated field contains that word, ignoring case.</summary>
    public bool Has(string name, string word) =>
        Field(name).Split(',', StringSplitOptions.TrimEntries).Contains(word, StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads up to the empty line. Returns the head and the bytes after it, or null and everything read if it is not HTTP or too long.</summary>
    public static async Task<(HttpHead? Head, ReadOnlyMemory<byte> Remainder)> ReadAsync(
        Stream stream, ReadOnlyMemory<byte> peeked, bool isAnswer, CancellationToken ct)
    {
        var buffer = new byte[Math.Max(MaxSize, peeked.Length)];
        peeked.CopyTo(buffer);
        var length = peeked.Length;
        while (true)
        {
            var data = buffer.AsMemory(0, length);
            if (!MayBeHttp(data.Span, isAnswer))
                return (null, data);
            var end = data.Span.IndexOf(EndOfHead);
            if (end >= 0 && end <= MaxSize - EndOfHead.Length)
                return Parse(data.Span[..end]) is { } head ? (head, data[(end + EndOfHead.Length)..]) : (null, data);
            if (length >= MaxSize)
                return (null, data);
            var count = await stream.ReadAsync(buffer.AsMemory(length, MaxSize - length), ct).ConfigureAwait(false);
            if (count == 0)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The peer closed the connection in the middle of an HTTP request or answer.");
            length += count;
        }
    }

    /// <summary>Whether the first line, as far as it has arrived, can be HTTP, so that a peer of another protocol is detected at once.</summary>
    private static bool MayBeHttp(ReadOnlySpan<byte> data, bool isAnswer)
    {
        var end = data.IndexOfAnyExceptInRange((byte)' ', (byte)'~');
        return end < 0 || (data[end] == '\r' && (!isAnswer || data.StartsWith("HTTP/"u8)));
    }

    /// <summary>Whether a text has only printable ASCII characters, and no spaces.</summary>
    public static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange('!', '~');
}
