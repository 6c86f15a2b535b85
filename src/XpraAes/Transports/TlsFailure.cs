using Org.BouncyCastle.Tls;

namespace XpraAes.Transports;

/// <summary>What an error of TLS means to who uses the connection.</summary>
internal static class TlsFailure
{
    public static XpraAesException Explain(IOException e) => e switch
    {
        // A server that does not know the identity goes on without the key, and misses what a client of certificates would have sent.
        TlsFatalAlertReceived { AlertDescription: AlertDescription.missing_extension }
            => new XpraAesException(XpraErrorId.KeyMismatch, "The server does not have the key: it has another, or is a server with a certificate.", "Check the port, and compare the fingerprints of the key files on both sides (Get-XpraAesKey).", e),
        TlsFatalAlertReceived { AlertDescription: AlertDescription.decrypt_error or AlertDescription.unknown_psk_identity or AlertDescription.illegal_parameter } or TlsFatalAlert { AlertDescription: AlertDescription.decrypt_error }
            => new XpraAesException(XpraErrorId.KeyMismatch, "The peer holds another key: the TLS handshake failed on it.", "Compare the fingerprints of the key files on both sides (Get-XpraAesKey).", e),
        TlsFatalAlert or TlsFatalAlertReceived => new XpraAesException(XpraErrorId.TlsFailed, $"TLS with a pre-shared key failed: {e.Message}", "Check the port and what listens there; something on the way may have changed what was sent.", e),
        _ => new XpraAesException(XpraErrorId.ConnectionLost, "The connection was lost during TLS.", innerException: e),
    };
}
