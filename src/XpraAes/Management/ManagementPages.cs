using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>
/// The answers of the management address. All of them only read. <c>/healthz</c>, <c>/readyz</c>, <c>/metrics</c> and <c>/status</c> name no client, target or key, and are
/// for everyone who gets there; a web page whose name was made to resolve to this address gets nothing: requests have to name an address, or this machine.
/// <see cref="SessionsRequest"/> has names, and is only for the user of this process, who could read them anyway.
/// </summary>
internal sealed class ManagementPages : IDisposable
{
    /// <summary>
    /// The line that asks for the sessions, with the number of one of them after a space for its ciphers; then an empty line. The answer is the JSON alone. This is on purpose
    /// no HTTP: a proxy of this user's in front of the socket asks as this user for everyone who reaches it, and no proxy passes on what it cannot read.
    /// </summary>
    public const string SessionsRequest = "XPRA-AES/1 sessions";

    private const string Json = "application/json", Pages = "/healthz, /readyz, /metrics or /status";

    private static readonly (string, string)[] s_fields = [("Cache-Control", "no-store"), ("Cross-Origin-Resource-Policy", "same-origin"), ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")];

    private readonly Func<IReadOnlyList<AesListener>> _listeners;
    private readonly TargetProbes _targets;
    private readonly CachedPage _metrics;
    private readonly CachedPage _status;

    public ManagementPages(Func<IReadOnlyList<AesListener>> listeners, TargetProbes targets, Func<byte[]> collect, TimeProvider clock)
    {
        (_listeners, _targets) = (listeners, targets);
        _metrics = new CachedPage(() => CollectAsync(collect), clock);
        _status = new CachedPage(() => Task.FromResult(ProcessStatus.ReadSums().ToJson()), clock);
    }

    /// <summary>The answer to a request; null is what was none.</summary>
    /// <param name="head">The request.</param>
    /// <param name="isSameUser">Whether a process of this process' user, or of root, asks.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async Task<WebAnswer> AnswerAsync(HttpHead? head, bool isSameUser, CancellationToken cancellationToken)
    {
        if (head is { Fields.Count: 0 } && head.StartLine.StartsWith(SessionsRequest, StringComparison.Ordinal))
            return AnswerSessions(head.StartLine[SessionsRequest.Length..], isSameUser);
        if (head?.Request is not { } request)
            return Text("400 Bad Request", $"Send a request of HTTP/1.1 or 1.0, for {Pages}.");
        if (!request.OnlyReads)
            return WebAnswer.Text("405 Method Not Allowed", "Only GET and HEAD are answered here.\n", [("Allow", "GET, HEAD"), .. s_fields]);
        // Health checks of HTTP/1.0, such as HAProxy's, name no host; browsers always do.
        if (!(request.IsHttp10 && !head.Fields.ContainsKey("Host")) && !IsOurName(head.Field("Host")))
            return Text("421 Misdirected Request", "Use an IP address, localhost, or the name of this machine.");
        switch (request.Path)
        {
            case "/healthz":
                return Text("200 OK", "ok");
            case "/readyz":
                return await FindProblemAsync().ConfigureAwait(false) is { } problem ? Text("503 Service Unavailable", problem) : Text("200 OK", "ready");
            case "/metrics":
                return WebAnswer.Of(await _metrics.GetAsync(cancellationToken).ConfigureAwait(false), PrometheusText.ContentType, s_fields);
            case "/status":
                return WebAnswer.Of(await _status.GetAsync(cancellationToken).ConfigureAwait(false), Json, s_fields);
            default:
                return Text("404 Not Found", $"Ask for {Pages}.");
        }
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _status.Dispose();
    }

    /// <param name="detailed">A space and a session's number, or nothing.</param>
    /// <param name="isSameUser">As for <see cref="AnswerAsync"/>.</param>
    private static WebAnswer AnswerSessions(string detailed, bool isSameUser)
    {
        if (!isSameUser)
            return Text("403 Forbidden", "Sessions are told only over a Unix socket, to the user of this process and to root. /status has the sums.");
        int? session = null;
        if (detailed.Length > 0)
        {
            if (detailed[0] != ' ' || !int.TryParse(detailed.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                return Text("400 Bad Request", $"Write '{SessionsRequest} 7' for the ciphers of session 7.");
            session = id;
        }
        return WebAnswer.Of(ProcessStatus.ReadAll(session).ToJson(), Json) with { IsBare = true };
    }

    /// <summary>Why new clients should be sent elsewhere; null if they are welcome.</summary>
    private async Task<string?> FindProblemAsync()
    {
        var all = _listeners();
        if (all.Count == 0)
            return "starting";
        if (all.Any(listener => listener.State != ListenerState.Listening))
            return "draining";
        var answers = await Task.WhenAll(all.Select(_targets.AskAsync)).ConfigureAwait(false);
        return answers.Contains(false) ? "no target answers" : null;
    }

    private async Task<byte[]> CollectAsync(Func<byte[]> collect)
    {
        // So that the metric of the targets is of now.
        await Task.WhenAll(_listeners().Select(_targets.AskAsync)).ConfigureAwait(false);
        return collect();
    }

    private static bool IsOurName(string host)
    {
        if (!Uri.TryCreate($"http://{host}/", UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0 || uri.PathAndQuery != "/")
            return false;
        if (uri.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6)
            return true;
        var name = Dns.GetHostName();
        var domain = IPGlobalProperties.GetIPGlobalProperties().DomainName;
        string[] ours = ["localhost", name, Environment.MachineName, $"{name}.{domain}"];
        return ours.Contains(uri.IdnHost, StringComparer.OrdinalIgnoreCase);
    }

    private static WebAnswer Text(string status, string text) => WebAnswer.Text(status, $"{text}\n", s_fields);
}
