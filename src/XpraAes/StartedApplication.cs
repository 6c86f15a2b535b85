namespace XpraAes;

/// <summary>A program that a server was asked to start in its session.</summary>
public sealed class StartedApplication
{
    /// <summary>The server's URI.</summary>
    public required string Server { get; init; }

    /// <summary>The program, without its arguments, which may hold secrets.</summary>
    public required string Program { get; init; }

    /// <summary>Whether the session counts it as a child, which <c>exit-with-children</c> waits for.</summary>
    public bool IsChild { get; init; }

    /// <summary>The process id that the server reports; null within a session, where xpra does not answer.</summary>
    public int? ProcessId { get; init; }

    /// <summary>The server's words, without control characters; null within a session.</summary>
    public string? Text { get; init; }

    /// <summary>For example <c>xterm 4711</c>.</summary>
    public override string ToString() => $"{Program} {ProcessId}".TrimEnd();
}
