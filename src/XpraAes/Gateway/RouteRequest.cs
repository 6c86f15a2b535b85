using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>What a session's route is found by.</summary>
internal readonly record struct RouteRequest
{
    private const string IndexPage = "index.html";

    /// <summary>What names the session and the user in a hello.</summary>
    private static readonly string[] s_names = ["session", "display", "username"];

    /// <summary>The session's name; empty where the client names none.</summary>
    public string Session { get; private init; }

    /// <summary>The user name that the client claims; null for none.</summary>
    public string? User { get; private init; }

    /// <summary>The fingerprint of the key that the client has; null for none.</summary>
    public string? KeyFingerprint { get; private init; }

    /// <summary>The address of the listener that it has connected to.</summary>
    public string Bind { get; private init; }

    /// <summary>Reads a client's hello. Null: the session's name cannot be one.</summary>
    /// <param name="hello">The hello, of a client that has proven its key where a route depends on the hello.</param>
    /// <param name="path">The path of its WebSocket request, which names the session where the hello does not (PROTOCOL section 15); null for none, and for a client that has not proven its key.</param>
    /// <param name="keyFingerprint">The fingerprint of its key; null for none.</param>
    /// <param name="bind">The address of the listener.</param>
    public static RouteRequest? Read(XpraDictionary hello, string? path, string? keyFingerprint, string bind)
    {
        // The display is text up to 4.x and in Debian's browser client, and a dictionary of the screen's properties elsewhere.
        var session = hello.GetDictionary("session")?.GetString("display") ?? hello.GetString("display") ?? "";
        if (session.Length == 0)
            session = NameIn(path ?? "");
        if (session.Length > 0 && !RouteName.IsName(session))
            return null;
        var user = hello.GetString("username");
        return new RouteRequest { Session = RouteName.Canonical(session), User = user is not null && RouteName.IsName(user) ? user : null, KeyFingerprint = keyFingerprint, Bind = bind };
    }

    /// <summary>Gives a later hello of the same client the names by which its route was found. Otherwise it could ask the target for another session than the one that it may have.</summary>
    public static void CopyNames(XpraDictionary from, XpraDictionary to)
    {
        foreach (var name in s_names)
        {
            if (from[name] is { } value)
                to[name] = value;
            else
                to.Remove(name);
        }
    }

    /// <summary>The owner of this kind that the client is; null if it is none.</summary>
    public string? Owner(RouteOwner kind) => kind switch
    {
        RouteOwner.Key => KeyFingerprint,
        RouteOwner.User => User,
        RouteOwner.Bind => Bind,
        _ => "",
    };

    /// <summary>For the log.</summary>
    public override string ToString() => (Session.Length == 0 ? "no session by name" : $"the session '{PeerIdentification.Sanitize(Session)}'") + (User is null ? "" : $" as user '{PeerIdentification.Sanitize(User)}'");

    /// <summary>The session in a WebSocket's path: <c>/glxgears</c>, and for pages <c>/glxgears/</c> and <c>/glxgears/index.html</c>.</summary>
    private static string NameIn(string path)
    {
        var end = path.IndexOfAny(['?', '#']);
        var name = Uri.UnescapeDataString((end < 0 ? path : path[..end]).TrimStart('/'));
        if (name.EndsWith(IndexPage, StringComparison.Ordinal) && (name.Length == IndexPage.Length || name[^(IndexPage.Length + 1)] == '/'))
            name = name[..^IndexPage.Length];
        return name.TrimEnd('/');
    }
}
