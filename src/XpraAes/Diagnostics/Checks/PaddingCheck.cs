using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Listening;

namespace XpraAes.Diagnostics.Checks;

/// <summary>How the server pads, and whether clients of other versions pad the same way.</summary>
internal sealed class PaddingCheck(ProbeContext context)
{
    private const string Gateway = "a gateway: Start-XpraAesListener -Target", NoPadding = "AES-CTR, which has no padding";

    public void Report(ProbeAnswer answer, EncryptedReply reply, CipherParameters found)
    {
        var release = XpraRelease.FromPeer(context.Report.PeerVersion);
        if (!reply.PaddingIsRight)
        {
            var how = found.Padding == PaddingScheme.Legacy ? "with spaces, the legacy padding of xpra up to 5.1" : "in a way that no version of xpra does";
            context.Report.Add(DiagnosisFinding.PaddingDisagrees, $"The key is right, but the server pads {how}, where PKCS#7 was asked for.", $"Use {NoPadding}, or {Gateway}.");
        }
        else if (answer.Hello is not { } hello)
        {
            return; // something else has to be fixed first, and there is no hello to identify the server
        }
        else if (found.Mode != AesMode.CBC)
        {
            context.Report.Add(DiagnosisFinding.NoPadding, $"AES-{found.Mode} does not pad, so versions cannot disagree about it.");
        }
        else if (hello.PeerHello.GetString("session-type") == Responder.SessionType || found.PaddingUnit == 32 && release is { PaddingUnit: 16 })
        {
            context.Report.Add(DiagnosisFinding.PaddingAdapts, "The server is a listener of this module, which adapts its padding to each client.");
        }
        else if ((found.PaddingUnit == 0 ? release?.PaddingUnit : found.PaddingUnit) is { } unit)
        {
            if (unit == 32)
                context.Report.Add(DiagnosisFinding.PaddingUnit32, "The server pads CBC to 32 bytes, as xpra before 6.2 does. This module adapts, as a client and as a gateway; xpra's own clients since 6.2 pad to 16, and break on every other packet.",
                    release is { ReadsNestedCapabilities: false } ? $"For clients of xpra 6, put in {Gateway}. Another mode does not help: they and this version do not understand each other's cipher options." : $"For those, use {NoPadding}, or {Gateway}.");
            else
                context.Report.Add(DiagnosisFinding.PaddingUnit16, "The server pads CBC to 16 bytes, as xpra since 6.2 does. This module adapts; xpra's own clients before 6.2 pad to 32 and break on every other packet, and those up to 5.1 are refused for their legacy padding.",
                    $"For clients of 6.0 and 6.1, use {NoPadding}. For those up to 5.1, put in {Gateway}; another mode does not help them.");
        }
    }
}
