using XpraAes.Encodings;

namespace XpraAes.Handshake;

/// <summary>
/// What a client's hello asks for besides a session (PROTOCOL section 4): <c>request</c>, up to 4.x also <c>name_request</c>, and for
/// commands <c>command_request</c>, which servers act on whatever <c>request</c> says; a proxy server also starts a session that <c>start-new-session</c> describes.
/// </summary>
internal static class HelloRequest
{
    private const string Key = "request";
    private const string Suffix = "_request";
    private const string NewSession = "start-new-session";

    /// <summary>The name of what is asked for, as 3.1 and later call it; null for a session.</summary>
    public static string? Read(XpraDictionary hello)
    {
        if (IsTrue(hello[Key]))
            return Trim(hello.GetString(Key) ?? "of an unknown kind");
        foreach (var (key, value) in hello)
        {
            if (NameOf(key) is { } name && IsTrue(value))
                return name;
        }
        return null;
    }

    /// <summary>Takes out of a hello everything that asks for something other than this: a server may look at several places.</summary>
    public static void Restrict(XpraDictionary hello, string? request)
        => hello.RemoveAll(key => NameOf(key) is { } name && name != request);

    private static string? NameOf(object key) => key switch
    {
        NewSession => NewSession,
        string name when name.EndsWith(Suffix, StringComparison.Ordinal) => Trim(name),
        _ => null,
    };

    private static string Trim(string name) => name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name;

    /// <summary>What Python, in which xpra is written, takes for true.</summary>
    private static bool IsTrue(object? value) => value switch
    {
        null or false or 0L or 0d or "" => false,
        byte[] bytes => bytes.Length > 0,
        object?[] items => items.Length > 0,
        XpraDictionary dictionary => dictionary.Count > 0,
        _ => true,
    };
}
