using XpraAes.Ciphers;
using XpraAes.Connections;

namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server takes the AES mode, and one IV for the connection or one in every packet.</summary>
internal sealed class ModeCheck(ProbeContext context)
{
    public void Report(CipherParameters found)
    {
        var asked = context.Options;
        if (found.Mode != asked.Mode)
        {
            context.Report.Add(DiagnosisFinding.ModeIgnored, $"The server encrypts in AES-{found.Mode}, whatever mode is asked for, as xpra before 4.3 does.",
                $"Ask for AES-{found.Mode}: encryption=AES{(found.Mode == AesMode.CBC ? "" : $"-{found.Mode}")} in the URI, or -Mode {found.Mode}.");
        }
        else if (found.Stream && asked.Stream == false)
        {
            context.Report.Add(DiagnosisFinding.StreamIgnored, "The server encrypts all packets as one stream, although it was asked for an IV in every packet: its version, before 6.2, does not know that.",
                "Leave -NoStream out.");
        }
        else
        {
            context.Report.Add(DiagnosisFinding.ModeAccepted, $"The server takes AES-{found.Mode}.");
        }
    }

    /// <summary>The server answers in this mode alone.</summary>
    public void ReportRejected(AesMode answered)
        => context.Report.Add(DiagnosisFinding.ModeRejected, $"The server is configured for AES-{answered}: it answers in that mode, and not in AES-{context.Options.Mode}.",
            $"Ask for AES-{answered}, or allow AES-{context.Options.Mode} at the server.");

    /// <summary>Whether the server's version lacks the mode, which is reported.</summary>
    public bool ReportIfUnsupported()
    {
        if (XpraRelease.FromPeer(context.Report.PeerVersion) is not { } release || release.WhyUnsupported(context.Options.Mode) is not { } reason)
            return false;
        context.Report.Add(DiagnosisFinding.ModeUnsupported, $"xpra {context.Report.PeerVersion} does not have AES-{context.Options.Mode}, which {reason}, and stays silent.",
            $"Use one of its own modes: {string.Join(", ", release.Modes.Select(mode => $"AES-{mode}"))}.");
        return true;
    }
}
