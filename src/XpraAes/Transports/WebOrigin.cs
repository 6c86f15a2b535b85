namespace XpraAes.Transports;

/// <summary>The origin of a page, as a browser sends it with a websocket request: <c>https://host</c> or <c>http://host:8080</c> (RFC 6454 section 6).</summary>
internal static class WebOrigin
{
    /// <summary>The canonical form of an origin: lower case, without the scheme's default port. Null if it is not a web origin, such as <c>null</c> for a file.</summary>
    public static string? Normalize(string origin)
    {
        if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            return null;
        var canonical = uri.GetLeftPart(UriPartial.Authority);
        // Reject anything besides the origin, even what the parser would ignore.
        return origin.Equals(canonical, StringComparison.OrdinalIgnoreCase) || uri.IsDefaultPort && origin.Equals($"{canonical}:{uri.Port}", StringComparison.OrdinalIgnoreCase)
            ? canonical
            : null;
    }
}
