using System.Text;

namespace XpraAes.Listening;

/// <summary>An HTTP answer: its status line without the version, its header fields, and its content, which is disposed of when it has been sent.</summary>
internal sealed record WebAnswer(string Status, Stream Content, IReadOnlyList<(string Name, string Value)> Fields)
{
    /// <summary>Whether the connection may go on after it.</summary>
    public bool KeepsAlive { get; init; } = true;

    public static WebAnswer Of(byte[] content, string type, params (string, string)[] fields) => new("200 OK", new MemoryStream(content), [("Content-Type", type), .. fields]);

    public static WebAnswer Text(string status, string text, params (string, string)[] fields)
        => new(status, new MemoryStream(Encoding.UTF8.GetBytes(text)), [("Content-Type", "text/plain; charset=utf-8"), .. fields]);
}
