using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>The words of refusals: those that xpra's servers send, and ours.</summary>
internal static class Refusals
{
    /// <summary>What a stranger is told in clear, whatever the reason: it names no configuration.</summary>
    public const string ForUnproven = "encryption error: this connection needs AES encryption with a shared key";

    private const string Target = "the gateway's target: ";
    private const string UnknownMode = "unsupported AES mode";
    private const string InvalidUserName = "invalid username";
    private const string MissingUserName = "missing remote username";

    // Parts of the reasons that xpra's servers give (PROTOCOL sections 4 and 6), most exact first.
    private static readonly (string Part, XpraErrorId Id)[] Reasons =
    [
        (Target, XpraErrorId.PeerDisconnected), // whatever follows is between the gateway and its target
        (UnknownMode, XpraErrorId.ModeRejected),
        ("is configured for", XpraErrorId.ModeRejected),
        ("is not accepted here", XpraErrorId.ModeRejected),
        ("unsupported padding", XpraErrorId.PaddingRejected),
        ("does not support encryption", XpraErrorId.CipherCapabilitiesMissing),
        ("unsupported cipher", XpraErrorId.CipherCapabilitiesMissing),
        ("missing encryption tokens", XpraErrorId.CipherCapabilitiesMissing),
        ("encryption key is missing", XpraErrorId.CipherCapabilitiesMissing),
        ("iterations", XpraErrorId.IterationsRejected),
        ("authentication", XpraErrorId.AuthenticationFailed),
        (InvalidUserName, XpraErrorId.AuthenticationFailed),
        (MissingUserName, XpraErrorId.AuthenticationFailed),
        ("version error", XpraErrorId.VersionRejected),
        ("incompatible version", XpraErrorId.VersionRejected),
    ];

    /// <summary>The exception for a server's disconnect before its hello.</summary>
    public static RefusedException FromServer(Packet disconnect, bool inClear)
    {
        var reason = Reason(disconnect);
        var id = IdOf(reason);
        var how = inClear ? "in clear, so the reason is unproven" : "encrypted, so the key is right";
        return new RefusedException(id, $"The server refused the connection: '{reason}' ({how}).", Advice(id, reason), disconnect);
    }

    /// <summary>What a gateway tells its client of a failure towards its target: a disconnect packet.</summary>
    public static object?[] OfTarget(string how) => Hello.Disconnect("connection error", Target + how);

    /// <summary>The reason and details of a disconnect packet in one line.</summary>
    public static string Reason(Packet disconnect)
        => disconnect.Text(2) is { Length: > 0 } details ? $"{disconnect.Text(1)}: {details}" : disconnect.Text(1);

    /// <summary>The cause behind a reason's text.</summary>
    public static XpraErrorId IdOf(string reason)
    {
        foreach (var (part, id) in Reasons)
        {
            if (reason.Contains(part, StringComparison.OrdinalIgnoreCase))
                return id;
        }
        return XpraErrorId.PeerDisconnected;
    }

    /// <summary>Whether a server lacks the mode altogether, and is not just configured for another.</summary>
    public static bool IsAboutUnknownMode(string message) => Has(message, UnknownMode);

    /// <summary>Whether a server refuses the user's name, which it does before it looks at ciphers.</summary>
    public static bool IsAboutUserName(string message) => Has(message, InvalidUserName) || Has(message, MissingUserName);

    /// <summary>Whether bare text says that one side encrypts its first packet and the other does not.</summary>
    public static bool IsAboutFirstPacket(string message) => Has(message, "unencrypted packet dropped") || Has(message, "invalid encryption packet flag");

    /// <summary>Whether bare text is what an xpra server sends in place of a packet.</summary>
    public static bool IsTextOfXpra(string message) => Has(message, "'disconnect");

    private static bool Has(string message, string part) => message.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static string? Advice(XpraErrorId id, string reason) => id switch
    {
        _ when Has(reason, ForUnproven) => "A listener of this module says no more to those whose key is unproven; its log says why. It takes AES-CBC alone unless it was started with another -Mode, 1,000 iterations or more, and clocks that differ by an hour at most. Test-XpraAes tries these out.",
        XpraErrorId.ModeRejected when !IsAboutUnknownMode(reason) => "Ask for a mode that the server names, or start it with encryption=AES, which takes every mode that it has.",
        XpraErrorId.AuthenticationFailed when IsAboutUserName(reason) => "Give the name of the user that the server runs as: with -Credential, or as tcp://NAME@HOST:PORT/ in the URI.",
        XpraErrorId.ModeRejected => "Ask for a mode that the server takes: encryption=AES-CBC is in every version; GCM is gone since 6.2, CFB since 6.5.3.",
        XpraErrorId.PaddingRejected => "Put a gateway between the two versions: Start-XpraAesListener -Target. Another mode does not help: a padding is refused in every one.",
        XpraErrorId.CipherCapabilitiesMissing => "Start the server with encryption=AES and a key on the socket that you connect to. Versions 6.4 and 6.5 ignore that option silently.",
        XpraErrorId.AuthenticationFailed => "Check the user name and the password. A password file must not end in a newline.",
        XpraErrorId.PeerDisconnected when Has(reason, Target) => "Use Test-XpraAes against that target, on the gateway's machine.",
        XpraErrorId.IterationsRejected => "Ask for 1,000 to 10,000 iterations, which every version accepts.",
        _ => null,
    };
}
