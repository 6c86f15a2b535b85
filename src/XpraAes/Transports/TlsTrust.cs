namespace XpraAes.Transports;

/// <summary>How a client makes sure that the TLS server is the right one; by default by the system's certificate authorities and the host's name.</summary>
public sealed record TlsTrust
{
    /// <summary>The system's authorities, and the host's name as in the URI.</summary>
    public static TlsTrust Default { get; } = new();

    /// <summary>A file with certificates in PEM to trust in place of the system's authorities, xpra's <c>ssl-ca-certs</c>; it is read for every connection. Null for the system's.</summary>
    public string? AuthorityFile { get; init; }

    /// <summary>The SHA-256 of the only certificate to accept, whatever its name, issuer and dates: 64 hex digits, upper case. Null accepts what the authorities vouch for.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>The name that the certificate must have, xpra's <c>ssl-server-hostname</c>; null for the URI's host.</summary>
    public string? HostName { get; init; }

    /// <summary>False accepts any certificate, xpra's <c>ssl-server-verify-mode=none</c>: whoever answers can then read along.</summary>
    public bool VerifiesServer { get; init; } = true;

    /// <summary>The canonical form of a fingerprint: colons, spaces and a prefix <c>sha256:</c> are left out. Null if it is not a SHA-256 in hex.</summary>
    internal static string? NormalizeFingerprint(string text)
    {
        if (text.StartsWith("sha256:", StringComparison.OrdinalIgnoreCase))
            text = text["sha256:".Length..];
        var digits = text.Replace(":", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant();
        return digits.Length == 64 && digits.All(char.IsAsciiHexDigit) ? digits : null;
    }
}
