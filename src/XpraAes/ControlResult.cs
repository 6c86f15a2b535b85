namespace XpraAes;

/// <summary>A server's answer to a control command, or to a request to end something.</summary>
public sealed class ControlResult
{
    /// <summary>The server's URI.</summary>
    public required string Server { get; init; }

    /// <summary>The command as it was sent, without its arguments, which may hold secrets.</summary>
    public required string Command { get; init; }

    /// <summary>The server's code, 0 for success; null within a session, where xpra does not answer.</summary>
    public int? Code { get; init; }

    /// <summary>The server's words, possibly several lines, without control characters; null within a session.</summary>
    public string? Text { get; init; }

    /// <summary>For example <c>help 0</c>.</summary>
    public override string ToString() => $"{Command} {Code}".TrimEnd();
}
