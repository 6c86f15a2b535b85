using XpraAes.Connections;

namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server has AES on, and from which packet on.</summary>
internal sealed class EncryptionCheck(ProbeContext context)
{
    public void ReportEncrypted(string message) => context.Report.Add(DiagnosisFinding.Encrypted, message);

    /// <summary>AES is off: the server answers in plaintext.</summary>
    /// <param name="info">Its answer to a plaintext request for <c>info</c>.</param>
    /// <param name="evidence">What else shows it, if that does not.</param>
    public void ReportNotEncrypted(ProbeAnswer info, string evidence)
    {
        var how = info.Hello is not null ? "It answers a request for information in plaintext."
            : ShowsPlaintext(info) ? "It asks for a password in plaintext."
            : evidence;
        if (XpraRelease.FromPeer(context.Report.PeerVersion) is { ServerIgnoresAes: true })
        {
            context.Report.Add(DiagnosisFinding.NotEncrypted, $"AES is off on this server. {how} xpra {context.Report.PeerVersion} silently ignores its AES options, as all servers of 6.4 and 6.5 do: AES may be configured there, but is off.",
                "Use xpra 6.3 or earlier, or 6.6 or later, on the server; or bind it only to a Unix socket, and put a gateway in front of it: Start-XpraAesListener -Target. Until then, all connections to it are unprotected.");
        }
        else
        {
            context.Report.Add(DiagnosisFinding.NotEncrypted, $"AES is off on this server. {how}", "Start the server with encryption=AES and a key on the socket that you connect to.");
        }
    }

    /// <summary>One side encrypts its first packet (XPRA_ENCRYPT_FIRST_PACKET), the other does not.</summary>
    public void ReportFirstPacketDisagrees()
    {
        if (context.Options.EncryptFirstPacket)
            context.Report.Add(DiagnosisFinding.FirstPacketDisagrees, "The server expects an unencrypted first packet, but got an encrypted one.", "Omit -EncryptFirstPacket, or set XPRA_ENCRYPT_FIRST_PACKET=1 for the server.");
        else
            context.Report.Add(DiagnosisFinding.FirstPacketDisagrees, "The server expects an encrypted first packet, but got an unencrypted one.", "Use -EncryptFirstPacket, or unset XPRA_ENCRYPT_FIRST_PACKET for the server.");
    }

    public void ReportSilent(XpraAesException failure)
        => context.Report.Add(DiagnosisFinding.HandshakeTimeout, $"The server has AES on, but does not answer an encrypted hello: {failure.Message}",
            "See the server's log (-d crypto,auth). Servers since 6.2 fail silently if they have to use a password as the key: give them a key file.");

    /// <summary>The clocks differ: a listener of this module accepts the same hello without a timestamp.</summary>
    public void ReportExpired()
        => context.Report.Add(DiagnosisFinding.HelloExpired, "A listener of this module has AES on, but refuses hellos with a timestamp: the clocks of the two machines differ by more than it allows.",
            "Synchronize the clocks of both machines, or allow a larger difference: Start-XpraAesListener -Limit @{ HelloAge = … }.");

    /// <summary>Whether this answer to a plaintext request shows that AES is off.</summary>
    public static bool ShowsPlaintext(ProbeAnswer info) => info.Hello is not null || info.Failure?.Id is XpraErrorId.AuthenticationRequired or XpraErrorId.AuthenticationUnsupported;
}
