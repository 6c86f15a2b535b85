namespace XpraAes;

/// <summary>The one exception that this assembly throws for what a peer, a file or a user did. Its message never holds a secret.</summary>
public class XpraAesException : Exception
{
    /// <summary>Makes an exception with a stable id, a message that says what happened, and what to do about it.</summary>
    public XpraAesException(XpraErrorId id, string message, string? recommendedAction = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Id = id;
        RecommendedAction = recommendedAction;
    }

    /// <summary>The stable name of the cause.</summary>
    public XpraErrorId Id { get; }

    /// <summary>What the reader can do about it, in one or two sentences; null where there is nothing to say.</summary>
    public string? RecommendedAction { get; }

    /// <summary>The endpoint or file that it is about, as a person would write it; null where none is known.</summary>
    public string? Target { get; init; }

    /// <summary>Whether the target failed a client that had proven the key: a wrong password is a guess of that client's then.</summary>
    internal bool IsOfKeyHolder { get; init; }
}
