namespace XpraAes.Transports;

/// <summary>The origin of a page, as a browser names it in a WebSocket's request: <c>https://host</c> or <c>http://host:8080</c> (RFC 6454 section 6).</summary>
internal static class WebOrigin
{
    /// <summary>One form for all ways to write an origin: lower case, and without the scheme's own port. Null: it is none of the web's, as <c>null</c> for a file.</summary>
    public static string? Normalize(string origin)
    {
        if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            return null;
        var canonical = uri.GetLeftPart(UriPartial.Authority);
        // Nothing beside it, not even what a parser leaves out.
        return origin.Equals(canonical, StringComparison.OrdinalIgnoreCase) || uri.IsDefaultPort && origin.Equals($"{canonical}:{uri.Port}", StringComparison.OrdinalIgnoreCase)
            ? canonical
            : null;
    }
}
