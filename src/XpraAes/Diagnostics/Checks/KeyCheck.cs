using XpraAes.Ciphers;

namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server holds the same key, in the same form.</summary>
internal sealed class KeyCheck(ProbeContext context)
{
    /// <summary>Reports what an answer that decrypts with these parameters shows about the key.</summary>
    public void Report(EncryptedReply reply, CipherParameters found)
    {
        if (reply.KeyForm == KeyVariants.Password)
        {
            context.Report.Add(DiagnosisFinding.KeyMismatch, "The server has no key and uses the password instead, as xpra up to 6.1 does.",
                "Use -PasswordAsKey; or better, give the server a key file, since a password can be guessed.");
        }
        else if (reply.KeyForm is { } form)
        {
            context.Report.Add(DiagnosisFinding.KeyFormDiffers, $"The key is right, but the server holds it in another form: {form}.",
                "Make the key files identical on both sides, byte for byte: copy one over the other. Only CR and LF at the ends of a key file are ignored.");
        }
        else if (found.KeySize != context.Options.KeySize || found.KeyHash != context.Options.KeyHash)
        {
            context.Report.Add(DiagnosisFinding.KeySizeIgnored,
                $"The key is right, but the server derives an AES key of {8 * found.KeySize} bits with {found.KeyHash}, whatever the client asks for, as xpra before 4.3 does.",
                $"Omit -KeySize and -KeyHash: every version supports {8 * found.KeySize} bits with {found.KeyHash}.");
        }
        else
        {
            context.Report.Add(DiagnosisFinding.KeyRight, "The server holds the same key: its answer decrypts.");
        }
    }

    /// <summary>The answer is encrypted, but nothing decrypts it.</summary>
    public void ReportMismatch()
        => context.Report.Add(DiagnosisFinding.KeyMismatch,
            "The server holds another key: its answer decrypts neither with this key nor with any of its usual other forms, in any mode.",
            "Compare the fingerprints of the key files on both sides (Get-XpraAesKey), and copy the right one over.");

    /// <summary>The server expects an encrypted first packet, but closes the connection on every form of it.</summary>
    public void ReportFirstPacketRejected()
        => context.Report.Add(DiagnosisFinding.KeyMismatch, "The server closes the connection after the encrypted first packet: it holds another key, or is configured for another mode.", "Compare the fingerprints of the key files on both sides (Get-XpraAesKey), and the modes.");
}
