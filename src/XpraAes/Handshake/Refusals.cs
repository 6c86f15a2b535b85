using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>The texts of refusals, from xpra's servers and from XpraAes.</summary>
internal static class Refusals
{
    /// <summary>The plaintext answer to an unauthenticated client, whatever the reason, so that it reveals no configuration.</summary>
    public const string ForUnproven = "encryption error: this connection needs AES encryption with a shared key";

    /// <summary>
    /// Reasons with "error" in them: for the clients of <c>stop</c>, <c>exit</c> and <c>detach</c>, of any version, every other disconnect means
    /// that the request was carried out, and their exit code is 0. They show the details too.
    /// </summary>
    public const string PermissionError = "permission error", AuthenticationError = "authentication error";

    /// <summary>The answer to every client without a route, whether that session does not exist, or exists for others.</summary>
    public const string NoSession = "no such session here";

    /// <summary>The detail from which clients of 4.4 and later take the exit code for a wrong password.</summary>
    public const string AuthenticationFailed = "authentication failed";

    /// <summary>xpra's servers send a reason and one detail; a gateway may put a reason of its own before them.</summary>
    private const int MaxReasons = 3;

    private const string Error = "error";
    private const string Target = "the gateway's target: ";
    private const string UnknownMode = "unsupported AES mode";
    private const string InvalidUserName = "invalid username";
    private const string MissingUserName = "missing remote username";

    // Parts of the reasons that xpra's servers send (PROTOCOL sections 4 and 6), the most specific first.
    private static readonly (string Part, XpraErrorId Id)[] Reasons =
    [
        (Target, XpraErrorId.PeerDisconnected), // what follows is the target's reason, not the gateway's
        (NoSession, XpraErrorId.SessionUnknown),
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

    // What servers say to a client whose request they have carried out.
    private static readonly string[] s_done = ["done", "server exit", "server shutdown"];

    /// <summary>The exception for a disconnect that a server sends before its hello.</summary>
    public static RefusedException FromServer(Packet disconnect, bool isPlaintext)
    {
        var reason = Reason(disconnect);
        var id = IdOf(reason);
        var how = isPlaintext ? "unencrypted, so the reason may be forged" : "encrypted, so the key is right";
        return new RefusedException(id, $"The server refused the connection: '{reason}' ({how}).", Advice(id, reason), disconnect);
    }

    /// <summary>The disconnect packet that a gateway sends its client when the target fails.</summary>
    public static object?[] TargetFailed(string how) => Hello.Disconnect("connection error", Target + how);

    /// <summary>Whether a server's disconnect says that it has done what was requested.</summary>
    public static bool IsDone(Packet disconnect) => s_done.Contains(disconnect.Text(1));

    /// <summary>A refusal as the answer to a request: one that the client would take for success gets a reason that it does not.</summary>
    public static object?[] ToRequest(object?[] disconnect)
        => disconnect is [var type, var reason, .. var details] && (reason as string)?.Contains(Error, StringComparison.Ordinal) != true
            ? [type, "server error", reason, .. details]
            : disconnect;

    /// <summary>The reason and details of a disconnect packet on one line.</summary>
    public static string Reason(Packet disconnect)
        => string.Join(": ", Enumerable.Range(1, MaxReasons).Select(disconnect.Text).Where((text, i) => i == 0 || text.Length > 0));

    /// <summary>The error id for a reason's text.</summary>
    public static XpraErrorId IdOf(string reason)
    {
        foreach (var (part, id) in Reasons)
        {
            if (reason.Contains(part, StringComparison.OrdinalIgnoreCase))
                return id;
        }
        return XpraErrorId.PeerDisconnected;
    }

    /// <summary>Whether the server does not support the mode at all, rather than being configured for another.</summary>
    public static bool IsAboutUnknownMode(string message) => Has(message, UnknownMode);

    /// <summary>Whether the server refuses the user name, which it checks before ciphers.</summary>
    public static bool IsAboutUserName(string message) => Has(message, InvalidUserName) || Has(message, MissingUserName);

    /// <summary>Whether bare text shows that only one side encrypts its first packet.</summary>
    public static bool IsAboutFirstPacket(string message) => Has(message, "unencrypted packet dropped") || Has(message, "invalid encryption packet flag");

    /// <summary>Whether bare text is what an xpra server sends instead of a packet.</summary>
    public static bool IsXpraText(string message) => Has(message, "'disconnect");

    private static bool Has(string message, string part) => message.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static string? Advice(XpraErrorId id, string reason) => id switch
    {
        _ when Has(reason, ForUnproven) => "An XpraAes listener tells clients no more until they have proven their key; its log says why. It accepts only AES-CBC unless it was started with another -Mode, at least 1,000 iterations, and clocks that differ by at most an hour. Test-XpraAes checks these.",
        XpraErrorId.ModeRejected when !IsAboutUnknownMode(reason) => "Ask for a mode that the server names, or start it with encryption=AES, which accepts every mode that it supports.",
        XpraErrorId.AuthenticationFailed when IsAboutUserName(reason) => "Give the name of the user that the server runs as: with -Credential, or as tcp://NAME@HOST:PORT/ in the URI.",
        XpraErrorId.SessionUnknown => "Write the session's name after the slash of the URI, and the user name before the @, as the gateway's owner gave them: tcp://USER@HOST:PORT/SESSION.",
        XpraErrorId.ModeRejected => "Ask for a mode that the server supports: every version has encryption=AES-CBC; GCM was removed in 6.2, CFB in 6.5.3.",
        XpraErrorId.PaddingRejected => "Put a gateway between the two versions: Start-XpraAesListener -Target. Another mode does not help: the padding is checked in every mode.",
        XpraErrorId.CipherCapabilitiesMissing => "Start the server with encryption=AES and a key on the socket that you connect to. Versions 6.4 and 6.5 ignore that option silently.",
        XpraErrorId.AuthenticationFailed => "Check the user name and the password. A password file must not end in a newline.",
        XpraErrorId.PeerDisconnected when Has(reason, Target) => "Use Test-XpraAes against that target, on the gateway's machine.",
        XpraErrorId.IterationsRejected => "Ask for 1,000 to 10,000 iterations, which every version accepts.",
        _ => null,
    };
}
