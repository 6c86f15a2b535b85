using System.Globalization;
using System.Text;

namespace XpraAes.Listening;

/// <summary>An HTTP answer: its status line without the version, its header fields, and its content, which is disposed of when it has been sent.</summary>
internal sealed record WebAnswer(string Status, Stream Content, IReadOnlyList<(string Name, string Value)> Fields)
{
    /// <summary>Whether the connection may go on after it.</summary>
    public bool KeepsAlive { get; init; } = true;

    /// <summary>Whether only the content is sent, to somebody who did not ask by HTTP.</summary>
    public bool IsBare { get; init; }

    public static WebAnswer Of(byte[] content, string type, params (string, string)[] fields) => new("200 OK", new MemoryStream(content), [("Content-Type", type), .. fields]);

    public static WebAnswer Text(string status, string text, params (string, string)[] fields)
        => new(status, new MemoryStream(Encoding.UTF8.GetBytes(text)), [("Content-Type", "text/plain; charset=utf-8"), .. fields]);

    /// <summary>The head of the answer, up to and including the empty line.</summary>
    public byte[] FormatHead(bool keepsAlive)
    {
        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {Status}\r\nDate: {DateTimeOffset.UtcNow:r}\r\n");
        if (Content != Stream.Null)
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {Content.Length}\r\n");
        foreach (var (name, value) in Fields)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        head.Append("X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nConnection: ").Append(keepsAlive ? "keep-alive" : "close").Append("\r\n\r\n");
        return Encoding.ASCII.GetBytes(head.ToString());
    }
}
