using System.Globalization;
using System.Text;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>Whose sessions a route is for.</summary>
internal enum RouteOwner
{
    /// <summary>Everyone's.</summary>
    Anyone,
    /// <summary>Of those who connect to one address of the listener.</summary>
    Bind,
    /// <summary>Of those who give this user name.</summary>
    User,
    /// <summary>Of those who have this key.</summary>
    Key,
}

/// <summary>The name of a route in its parts, which are compared as they are: no case folding, no Unicode normalization.</summary>
/// <param name="Kind">Whose sessions.</param>
/// <param name="Owner">The user name, fingerprint or address; empty for everyone.</param>
/// <param name="Session">The session's name, or for a pattern what it begins with.</param>
/// <param name="IsPattern">Whether names may go on after <paramref name="Session"/>.</param>
internal readonly record struct RouteName(RouteOwner Kind, string Owner, string Session, bool IsPattern)
{
    /// <summary>Longest user name or session name in UTF-16 units; arbitrary. A client's longer one has no route.</summary>
    public const int MaxLength = 255;

    /// <summary>The route of every session that has no other.</summary>
    public const string Every = "*";

    private const string KeyPrefix = "key:", BindPrefix = "bind:";

    /// <summary>Whether it depends on what only the client's hello says.</summary>
    public bool DependsOnHello => Kind == RouteOwner.User || !IsPattern || Session.Length > 0;

    /// <summary>Reads a route's name. Throws InvalidOption.</summary>
    public static RouteName Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var (kind, owner) = slash < 0 ? (RouteOwner.Anyone, "") : ParseOwner(text, text[..slash]);
        var session = text[(slash + 1)..];
        var isPattern = session.EndsWith('*');
        if (isPattern)
            session = session[..^1];
        if (session.Contains('/', StringComparison.Ordinal))
            throw Invalid(text, "has more than one slash");
        if (session.Contains('*', StringComparison.Ordinal) || owner.Contains('*', StringComparison.Ordinal))
            throw Invalid(text, "has a * that is not at its end");
        if (!isPattern)
            session = Canonical(session);
        if (!(isPattern && session.Length == 0) && !IsName(session))
            throw Invalid(text, $"has no session's name of 1 to {MaxLength} printable characters, without spaces at its ends");
        return new RouteName(kind, owner, session, isPattern);
    }

    /// <summary>The name of an X display without its colon, which clients up to 4.x write before a number in any case: <c>100</c> for <c>:100</c>. Other names as they are.</summary>
    public static string Canonical(string session)
        => session.Length > 1 && session[0] == ':' && !session.AsSpan(1).ContainsAnyExceptInRange('0', '9') ? session[1..] : session;

    /// <summary>Whether a text can be a user name or the name of a session: 1 to <see cref="MaxLength"/> printable characters, without spaces at its ends.</summary>
    public static bool IsName(string text)
    {
        if (text.Length is 0 or > MaxLength || char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1]))
            return false;
        // Half of a surrogate pair enumerates as the replacement character.
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                return false;
        }
        return true;
    }

    /// <summary>As written: <c>ada/*</c>.</summary>
    public override string ToString() => Kind switch
    {
        RouteOwner.Key => $"{KeyPrefix}{Owner}/",
        RouteOwner.Bind => $"{BindPrefix}{Owner}/",
        RouteOwner.User => $"{Owner}/",
        _ => "",
    } + Session + (IsPattern ? "*" : "");

    private static (RouteOwner Kind, string Owner) ParseOwner(string text, string owner)
    {
        if (owner.StartsWith(KeyPrefix, StringComparison.Ordinal))
        {
            return IsFingerprint(owner.AsSpan(KeyPrefix.Length))
                ? (RouteOwner.Key, owner[KeyPrefix.Length..].ToLowerInvariant())
                : throw Invalid(text, "has no fingerprint such as 0123-4567-89ab-cdef after key:");
        }
        if (owner.StartsWith(BindPrefix, StringComparison.Ordinal))
            return owner.Length > BindPrefix.Length ? (RouteOwner.Bind, owner[BindPrefix.Length..]) : throw Invalid(text, "has no address after bind:");
        return IsName(owner) ? (RouteOwner.User, owner) : throw Invalid(text, $"has no user name of 1 to {MaxLength} printable characters before its slash");
    }

    /// <summary>As <see cref="XpraKey.Fingerprint"/> writes it: four groups of four hex digits.</summary>
    private static bool IsFingerprint(ReadOnlySpan<char> text)
    {
        if (text.Length != 19)
            return false;
        for (var i = 0; i < text.Length; i++)
        {
            if (i % 5 == 4 ? text[i] != '-' : !char.IsAsciiHexDigit(text[i]))
                return false;
        }
        return true;
    }

    private static XpraAesException Invalid(string text, string problem)
    {
        var shown = PeerIdentification.Sanitize(text);
        return new XpraAesException(XpraErrorId.InvalidOption, $"The route '{shown}' {problem}.", "A route is NAME, NAME* or *, also after USER/, key:FINGERPRINT/ or bind:ADDRESS:PORT/.") { Target = shown };
    }
}
