namespace XpraAes;

/// <summary>Thrown for whatever a peer, a file or a user does wrong. Its message never holds a secret.</summary>
public class XpraAesException : Exception
{
    /// <summary>Creates an exception with a stable id, a message that says what happened, and what to do about it.</summary>
    public XpraAesException(XpraErrorId id, string message, string? recommendedAction = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Id = id;
        RecommendedAction = recommendedAction;
    }

    /// <summary>The stable name of the cause.</summary>
    public XpraErrorId Id { get; }

    /// <summary>What the user can do about it, in one or two sentences; null if nothing.</summary>
    public string? RecommendedAction { get; }

    /// <summary>The endpoint or file that it is about, as a person would write it; null if unknown.</summary>
    public string? Target { get; init; }

    /// <summary>Whether the gateway's target rejected a client that had proven the key: a wrong password is then that client's own guess.</summary>
    internal bool IsOfKeyHolder { get; init; }

    /// <summary>Whether the same may well succeed on the next attempt.</summary>
    internal bool IsTransient { get; init; }
}
