using System.Net;
using System.Net.NetworkInformation;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>
/// The answers of the management address: <c>/healthz</c>, <c>/readyz</c>, <c>/metrics</c>. All of them only read, and name no client, target or key. A web page
/// whose name was made to resolve to this address gets nothing: requests have to name an address, or this machine.
/// </summary>
internal sealed class ManagementPages(Func<IReadOnlyList<AesListener>> listeners, TargetProbes targets, Func<byte[]> collect, TimeProvider clock) : IDisposable
{
    /// <summary>How long collected metrics are given to everyone who asks; arbitrary.</summary>
    private static readonly TimeSpan s_cached = TimeSpan.FromSeconds(1);

    private static readonly (string, string)[] s_fields = [("Cache-Control", "no-store"), ("Cross-Origin-Resource-Policy", "same-origin"), ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")];

    private readonly SemaphoreSlim _collecting = new(1, 1);
    private byte[]? _metrics;
    private long _collectedAt;

    /// <summary>The answer to a request; null is what was none.</summary>
    public async Task<WebAnswer> AnswerAsync(HttpHead? request, CancellationToken cancellationToken)
    {
        if (request?.StartLine.Split(' ') is not [var method, ['/', ..] target, var version and ("HTTP/1.1" or "HTTP/1.0")])
            return Text("400 Bad Request", "Send a request of HTTP/1.1 or 1.0, for /healthz, /readyz or /metrics.");
        if (method is not ("GET" or "HEAD"))
            return WebAnswer.Text("405 Method Not Allowed", "Only GET and HEAD are answered here.\n", [("Allow", "GET, HEAD"), .. s_fields]);
        // Health checks of HTTP/1.0, such as HAProxy's, name no host; browsers always do.
        if (!(version == "HTTP/1.0" && !request.Fields.ContainsKey("Host")) && !IsOurName(request.Field("Host")))
            return Text("421 Misdirected Request", "Use an IP address, localhost, or the name of this machine.");
        var question = target.IndexOf('?', StringComparison.Ordinal);
        switch (question < 0 ? target : target[..question])
        {
            case "/healthz":
                return Text("200 OK", "ok");
            case "/readyz":
                return await FindProblemAsync().ConfigureAwait(false) is { } problem ? Text("503 Service Unavailable", problem) : Text("200 OK", "ready");
            case "/metrics":
                return WebAnswer.Of(await CollectAsync(cancellationToken).ConfigureAwait(false), PrometheusText.ContentType, s_fields);
            default:
                return Text("404 Not Found", "There are /healthz, /readyz and /metrics here.");
        }
    }

    public void Dispose() => _collecting.Dispose();

    /// <summary>Why new clients should be sent elsewhere; null if they are welcome.</summary>
    private async Task<string?> FindProblemAsync()
    {
        var all = listeners();
        if (all.Count == 0)
            return "starting";
        if (all.Any(listener => listener.State != ListenerState.Listening))
            return "draining";
        var answers = await Task.WhenAll(all.Select(targets.AskAsync)).ConfigureAwait(false);
        return answers.Contains(false) ? "no target answers" : null;
    }

    private async Task<byte[]> CollectAsync(CancellationToken cancellationToken)
    {
        await _collecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_metrics is { } known && clock.GetElapsedTime(_collectedAt) < s_cached)
                return known;
            // So that the metric of the targets is of now.
            await Task.WhenAll(listeners().Select(targets.AskAsync)).ConfigureAwait(false);
            (_metrics, _collectedAt) = (collect(), clock.GetTimestamp());
            return _metrics;
        }
        finally
        {
            _collecting.Release();
        }
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
