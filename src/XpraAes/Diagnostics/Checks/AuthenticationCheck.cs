using XpraAes.Handshake;

namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server accepts the user name and password.</summary>
internal sealed class AuthenticationCheck(ProbeContext context)
{
    public void ReportAccepted(HandshakeResult hello)
    {
        if (hello.IsAuthenticated)
            context.Report.Add(DiagnosisFinding.Authenticated, "The server accepted the password.");
        else
            context.Report.Add(DiagnosisFinding.NoAuthentication, "The server does not ask for a password.");
    }

    /// <summary>The key is right, but the server refuses the client.</summary>
    public void ReportRefused(XpraAesException failure)
    {
        // A proxy server has no information of its own and says so, encrypted: that is an answer too.
        if (failure.Id == XpraErrorId.PeerDisconnected && failure.Message.Contains("info", StringComparison.OrdinalIgnoreCase))
            context.Report.Add(DiagnosisFinding.NoAuthentication, $"The server accepts the client, but reports no information: {failure.Message}");
        else
            context.Report.Add(failure);
    }
}
