using XpraAes.Encodings;

namespace XpraAes.Handshake;

/// <summary>
/// What a client's hello asks for instead of a session (PROTOCOL section 4): <c>request</c>, up to 4.x also <c>name_request</c>;
/// <c>command_request</c>, which servers obey whatever <c>request</c> says; and for a proxy server <c>start-new-session</c>.
/// </summary>
internal static class HelloRequest
{
    private const string Key = "request";
    private const string Suffix = "_request";
    private const string NewSession = "start-new-session";

    /// <summary>The name of the request, as in 3.1 and later; null for a session.</summary>
    public static string? Read(XpraDictionary hello)
    {
        if (IsTrue(hello[Key]))
            return WithoutSuffix(hello.GetString(Key) ?? "of an unknown kind");
        foreach (var (key, value) in hello)
        {
            if (NameOf(key) is { } name && IsTrue(value))
                return name;
        }
        return null;
    }

    /// <summary>Removes every other request from a hello, as a server may read several of them.</summary>
    public static void Restrict(XpraDictionary hello, string? request)
        => hello.RemoveAll(key => NameOf(key) is { } name && name != request);

    private static string? NameOf(object key) => key switch
    {
        NewSession => NewSession,
        string name when name.EndsWith(Suffix, StringComparison.Ordinal) => WithoutSuffix(name),
        _ => null,
    };

    private static string WithoutSuffix(string name) => name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name;

    /// <summary>Whether the value is true in Python, which xpra is written in.</summary>
    private static bool IsTrue(object? value) => value switch
    {
        null or false or 0L or 0d or "" => false,
        byte[] bytes => bytes.Length > 0,
        object?[] items => items.Length > 0,
        XpraDictionary dictionary => dictionary.Count > 0,
        _ => true,
    };
}
