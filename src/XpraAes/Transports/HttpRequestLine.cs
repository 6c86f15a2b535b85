namespace XpraAes.Transports;

/// <summary>The first line of a request of HTTP/1.1 or HTTP/1.0 for a path of this server.</summary>
/// <param name="Method">For example <c>GET</c>, as it was sent.</param>
/// <param name="Target">The path and the query, as they were sent.</param>
/// <param name="IsHttp10">Whether it is HTTP/1.0, in which <c>Host</c> may be missing, and connections end.</param>
internal sealed record HttpRequestLine(string Method, string Target, bool IsHttp10)
{
    /// <summary>Whether it is GET or HEAD, which change nothing.</summary>
    public bool OnlyReads => Method is "GET" or "HEAD";

    /// <summary>Whether only the head of the answer is wanted.</summary>
    public bool IsHead => Method == "HEAD";

    /// <summary>What is before the first question mark; begins with a slash.</summary>
    public string Path => QuestionMark is { } end ? Target[..end] : Target;

    /// <summary>What is after the first question mark.</summary>
    public string Query => QuestionMark is { } end ? Target[(end + 1)..] : "";

    private int? QuestionMark => Target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var index ? index : null;

    /// <summary>Null for anything else, such as a request to a proxy, or the first line of an answer.</summary>
    public static HttpRequestLine? Parse(string line)
        => line.Split(' ') is [var method, ['/', ..] target, var version and ("HTTP/1.1" or "HTTP/1.0")] ? new(method, target, version == "HTTP/1.0") : null;
}
