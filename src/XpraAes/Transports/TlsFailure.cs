using Org.BouncyCastle.Tls;

namespace XpraAes.Transports;

/// <summary>What an error of TLS means to who uses the connection.</summary>
internal static class TlsFailure
{
    public static XpraAesException Explain(IOException e) => e switch
    {
        // missing_extension: a server of openssl's that knows no such identity, and has no certificate.
        TlsFatalAlertReceived { AlertDescription: AlertDescription.decrypt_error or AlertDescription.unknown_psk_identity or AlertDescription.illegal_parameter or AlertDescription.missing_extension } or TlsFatalAlert { AlertDescription: AlertDescription.decrypt_error }
            => new XpraAesException(XpraErrorId.KeyMismatch, "The peer holds another key: the TLS handshake failed on it.", "Compare the fingerprints of the key files on both sides (Get-XpraAesKey).", e),
        TlsFatalAlert or TlsFatalAlertReceived => new XpraAesException(XpraErrorId.TlsFailed, $"TLS with a pre-shared key failed: {e.Message}", "Check the port and what listens there; something on the way may have changed what was sent.", e),
        _ => new XpraAesException(XpraErrorId.ConnectionLost, "The connection was lost during TLS.", innerException: e),
    };
}
