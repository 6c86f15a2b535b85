namespace XpraAes;

/// <summary>What a probe looks at, in the order in which one depends on the other.</summary>
public enum DiagnosisCheck
{
    /// <summary>Whether a connection comes about.</summary>
    Connection,
    /// <summary>Whether an xpra server is at its other end.</summary>
    Protocol,
    /// <summary>Whether that server has AES on.</summary>
    Encryption,
    /// <summary>Whether it takes the AES mode.</summary>
    Mode,
    /// <summary>Whether it takes the number of PBKDF2 iterations.</summary>
    Iterations,
    /// <summary>How it pads, and whether both sides understand that alike.</summary>
    Padding,
    /// <summary>Whether it holds the same key data.</summary>
    Key,
    /// <summary>Whether it lets the user in.</summary>
    Authentication,
    /// <summary>Whether it keeps out those who have not proven the key.</summary>
    Enforcement,
}
