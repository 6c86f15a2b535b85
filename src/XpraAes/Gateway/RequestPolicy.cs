namespace XpraAes.Gateway;

/// <summary>Which client requests are forwarded to the target. A plaintext hello does not prove that the client holds the key, and servers act on its request.</summary>
internal static class RequestPolicy
{
    /// <summary>The reason given to a client whose request is refused.</summary>
    public const string NotForwarded = "this request is not passed on here: the listener's owner can allow it (-AllowRequest)";

    // The listener answers these itself: servers answer them in plaintext (PROTOCOL section 4), before the client has proven that it holds the key.
    private static readonly string[] s_ownRequests = ["version", "id", "connect_test"];

    private const string InfoRequest = "info";

    /// <summary>
    /// Whether a request (null for a session) is forwarded. Sessions always are; requests are once the key is proven, where
    /// -AllowRequest names them, or on a Unix socket, which only its owner can open. <c>info</c> changes nothing, so a hello whose
    /// salt shows that a key holder made it is enough.
    /// </summary>
    public static bool Forwards(string? request, bool keyProven, bool isFromKeyHolder, GatewayOptions options)
        => request is null
        || !IsOwn(request)
        && (keyProven || request == InfoRequest && isFromKeyHolder || options.ClientsAreLocal || options.AllowRequests.Contains(request));

    /// <summary>Whether the listener answers a request itself, whoever asks.</summary>
    public static bool IsOwn(string? request) => s_ownRequests.Contains(request);

    /// <summary>Why a request is refused; null where it is forwarded or answered by the listener.</summary>
    public static string? Refuse(string? request, bool keyProven, bool isFromKeyHolder, GatewayOptions options)
        => Forwards(request, keyProven, isFromKeyHolder, options) || IsOwn(request)
            ? null
            : NotForwarded;
}
