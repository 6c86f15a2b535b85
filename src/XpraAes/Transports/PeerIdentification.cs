using System.Globalization;
using System.Text;

namespace XpraAes.Transports;

/// <summary>Identifies the protocol of a peer whose first bytes are not an xpra packet (PROTOCOL sections 2 and 3).</summary>
internal static class PeerIdentification
{
    /// <summary>Bytes of a peer's greeting that are worth a look.</summary>
    public const int GreetingSize = 512;

    private const int ShownTextLength = 200;

    public static XpraAesException Describe(ReadOnlySpan<byte> greeting)
    {
        if (greeting.StartsWith("HTTP/"u8) || IsHttpRequest(greeting))
        {
            return new XpraAesException(XpraErrorId.PeerIsHttp, "The peer speaks HTTP, not xpra's packets.",
                "Check the port. If it is xpra behind a web server, connect with a ws:// URI.");
        }
        if (greeting.Length >= 2 && greeting[0] is >= 0x14 and <= 0x17 && greeting[1] == 3)
        {
            return new XpraAesException(XpraErrorId.PeerIsTls, "The peer speaks TLS, not xpra's packets.",
                "Check the port: xpra's AES runs on its tcp and ws sockets, not on ssl ones.");
        }
        if (greeting.StartsWith("SSH-"u8))
        {
            return new XpraAesException(XpraErrorId.PeerIsSsh, "The peer speaks SSH, not xpra's packets.",
                "Check the port: 22 is SSH's. To reach xpra through SSH, forward xpra's port and connect to the forwarded one.");
        }
        if (greeting.StartsWith("RFB "u8))
        {
            return new XpraAesException(XpraErrorId.PeerIsRfb, "The peer speaks RFB (VNC), not xpra's packets.",
                "Check the port: 5900 and up are VNC's.");
        }
        if (TryReadText(greeting, out var text))
        {
            return new XpraAesException(XpraErrorId.PeerSentText, $"The peer answered with text instead of a packet: '{text}'.",
                "An xpra server does this when it cannot read the packet sent to it, or refuses the connection early.");
        }
        return new XpraAesException(XpraErrorId.NotXpra, "The peer's first bytes are not those of an xpra packet.",
            "Check the address and port: something else listens there.");
    }

    public static bool IsHttpRequest(ReadOnlySpan<byte> greeting)
    {
        var lineEnd = greeting.IndexOf((byte)'\n');
        return lineEnd > 0 && greeting[..lineEnd].IndexOf(" HTTP/1."u8) > 0;
    }

    /// <summary>A peer's text for display: printable ASCII in one line of limited length.</summary>
    public static bool TryReadText(ReadOnlySpan<byte> bytes, out string text)
    {
        var builder = new StringBuilder();
        text = "";
        foreach (var b in bytes)
        {
            if (b is (byte)'\r' or (byte)'\n' or (byte)'\t')
                builder.Append(' ');
            else if (b is >= 0x20 and < 0x7f)
                builder.Append((char)b);
            else
                return false;
        }
        text = Shorten(builder.ToString().Trim());
        return text.Length >= 4;
    }

    /// <summary>A peer's text without control characters, shortened for an error message.</summary>
    public static string Sanitize(string text)
    {
        var builder = new StringBuilder(Math.Min(text.Length, ShownTextLength + 1));
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, ShownTextLength + 1)))
            builder.Append(IsShown(c) ? c : ' ');
        return Shorten(builder.ToString().Trim());
    }

    // Format characters turn the direction of what follows, or are not seen at all.
    private static bool IsShown(char c) => char.GetUnicodeCategory(c) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse);

    private static string Shorten(string text) => text.Length <= ShownTextLength ? text : text[..ShownTextLength] + "...";
}
