namespace XpraAes.Gateway;

/// <summary>Which requests of a client are forwarded to the target. A plaintext hello proves nothing, and servers act on it.</summary>
internal static class RequestPolicy
{
    /// <summary>The reason given to a client that asks for more than it may.</summary>
    public const string NotForwarded = "this request is not passed on here: the listener's owner can allow it (-AllowRequest)";

    // Answered by the listener itself: servers answer them in plaintext (PROTOCOL section 4), and the client has not proven the key.
    private static readonly string[] s_ownRequests = ["version", "id", "connect_test"];

    private const string InfoRequest = "info";

    /// <summary>
    /// Whether a client's request, or its session where that is null, goes to the target: sessions always, requests once the key is proven,
    /// where the listener's owner allows them, or on a Unix socket, which only its owner can open. <c>info</c> changes nothing, so a hello
    /// that a key holder made is enough, as an XpraAes client shows by its salt.
    /// </summary>
    public static bool Forwards(string? request, bool keyProven, bool isFromKeyHolder, GatewayOptions options)
        => request is null
        || !s_ownRequests.Contains(request)
        && (keyProven || request == InfoRequest && isFromKeyHolder || options.ClientsAreLocal || options.AllowRequests.Contains(request));

    /// <summary>Why a request is refused; null: it is forwarded, or answered by the listener.</summary>
    public static string? Refuse(string? request, bool keyProven, bool isFromKeyHolder, GatewayOptions options)
        => Forwards(request, keyProven, isFromKeyHolder, options) || s_ownRequests.Contains(request)
            ? null
            : NotForwarded;
}
