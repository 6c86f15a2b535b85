using XpraAes.Ciphers;
using XpraAes.Connections;

namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server accepts the AES mode, and one IV for the connection or one for every packet.</summary>
internal sealed class ModeCheck(ProbeContext context)
{
    public void Report(CipherParameters found)
    {
        var options = context.Options;
        if (found.Mode != options.Mode)
        {
            context.Report.Add(DiagnosisFinding.ModeIgnored, $"The server encrypts in AES-{found.Mode}, whatever mode is asked for, as xpra before 4.3 does.",
                $"Ask for AES-{found.Mode}: encryption=AES{(found.Mode == AesMode.CBC ? "" : $"-{found.Mode}")} in the URI, or -Mode {found.Mode}.");
        }
        else if (found.Stream && options.Stream == false)
        {
            context.Report.Add(DiagnosisFinding.StreamIgnored, "The server encrypts all packets as one stream, although it was asked for an IV in every packet: versions before 6.2 do not support that.",
                "Leave -NoStream out.");
        }
        else
        {
            context.Report.Add(DiagnosisFinding.ModeAccepted, $"The server accepts AES-{found.Mode}.");
        }
    }

    /// <summary>The server answers only in this mode.</summary>
    public void ReportRejected(AesMode answered)
        => context.Report.Add(DiagnosisFinding.ModeRejected, $"The server is configured for AES-{answered}: it answers in that mode, but not in AES-{context.Options.Mode}.",
            $"Ask for AES-{answered}, or allow AES-{context.Options.Mode} at the server.");

    /// <summary>Reports it if the server's version lacks the mode. True: it does.</summary>
    public bool ReportIfUnsupported()
    {
        if (XpraRelease.FromPeer(context.Report.PeerVersion) is not { } release || release.WhyUnsupported(context.Options.Mode) is not { } reason)
            return false;
        context.Report.Add(DiagnosisFinding.ModeUnsupported, $"xpra {context.Report.PeerVersion} does not have AES-{context.Options.Mode}, which {reason}, and does not answer.",
            $"Use one of its modes: {string.Join(", ", release.Modes.Select(mode => $"AES-{mode}"))}.");
        return true;
    }
}
