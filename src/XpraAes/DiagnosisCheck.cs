namespace XpraAes;

/// <summary>What a probe checks; each check depends on those before it.</summary>
public enum DiagnosisCheck
{
    /// <summary>Whether a connection can be established.</summary>
    Connection,
    /// <summary>Whether the server's TLS certificate can be trusted; only for <c>ssl://</c> and <c>wss://</c>.</summary>
    Tls,
    /// <summary>Whether the peer is an xpra server.</summary>
    Protocol,
    /// <summary>Whether the server has AES on.</summary>
    Encryption,
    /// <summary>Whether it accepts the AES mode.</summary>
    Mode,
    /// <summary>Whether it accepts the number of PBKDF2 iterations.</summary>
    Iterations,
    /// <summary>How it pads, and whether clients of other versions pad the same way.</summary>
    Padding,
    /// <summary>Whether it holds the same key data.</summary>
    Key,
    /// <summary>Whether it accepts the user name and password.</summary>
    Authentication,
    /// <summary>Whether it keeps out clients that have not proven the key.</summary>
    Enforcement,
}
