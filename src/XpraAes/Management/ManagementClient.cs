using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>Asks the management address of another process for its status. Whoever answers there is not trusted: what comes is limited in size and time, and goes through <see cref="StatusReader"/>.</summary>
internal sealed class ManagementClient : IDisposable
{
    /// <summary>Largest answer in bytes; arbitrary, enough for 30,000 sessions.</summary>
    public const int MaxAnswer = 16 * 1024 * 1024;

    private readonly string _address;
    private readonly XpraEndpoint _endpoint;
    private readonly TimeSpan _timeout;
    private readonly HttpClient _http;

    /// <summary>Connects to nobody yet.</summary>
    /// <param name="address">The address of the other process, from <see cref="ManagementAddress.ParseOther"/>.</param>
    /// <param name="timeout">For each question, with its connection.</param>
    public ManagementClient(ManagementAddress address, TimeSpan timeout)
    {
        (_address, _endpoint, _timeout) = ($"{address}", address.Endpoint is { } ip ? new(TransportKind.Tcp, $"{ip.Address}", ip.Port) : new(TransportKind.Unix, "", 0, address.Path), timeout);
        // Straight to the address: no proxy of the environment, no redirection elsewhere.
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = ConnectAsync,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            MaxResponseHeadersLength = HttpHead.MaxSize / 1024,
        };
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri($"http://{(_endpoint.IsLocal ? "localhost" : _endpoint.HostAndPort)}/"),
            MaxResponseContentBufferSize = MaxAnswer,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>The other process' status; with its sessions if it tells them to this user.</summary>
    /// <param name="detailed">The session whose ciphers are wanted too; null for none.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="XpraAesException">ConnectionRefused, AccessDenied, HostUnreachable, ConnectTimeout, ConnectionLost, HandshakeTimeout; NotManagement.</exception>
    public async Task<ProcessStatus> GetStatusAsync(int? detailed, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_timeout);
        try
        {
            // A Unix socket may be that of a process of one's own. By TCP nobody is told more than sums.
            using var answer = await AskAsync(_endpoint.IsLocal ? "/sessions" : "/status", detailed, deadline.Token).ConfigureAwait(false);
            if (_endpoint.IsLocal && answer.StatusCode == HttpStatusCode.Forbidden)
            {
                using var sums = await AskAsync("/status", null, deadline.Token).ConfigureAwait(false);
                return await ReadAsync(sums, deadline.Token).ConfigureAwait(false);
            }
            return await ReadAsync(answer, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"No answer came within {_timeout.TotalSeconds:0.#} s.", "Check that it is the address of -ManagementAddress, and that its process is not stopped.") { Target = _address };
        }
        catch (HttpRequestException e) when (e.InnerException is XpraAesException inner)
        {
            throw new XpraAesException(inner.Id, inner.Message, inner.RecommendedAction, inner) { Target = _address };
        }
        catch (HttpRequestException e)
        {
            throw e.HttpRequestError switch
            {
                HttpRequestError.ConfigurationLimitExceeded => NotManagement("its answer is larger than a status is", e),
                HttpRequestError.InvalidResponse => NotManagement("it does not speak HTTP", e),
                _ => new XpraAesException(XpraErrorId.ConnectionLost, "The connection ended before the answer.", "If that happens again, something else than XpraAes may listen there.", e) { Target = _address },
            };
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> AskAsync(string page, int? detailed, CancellationToken cancellationToken)
    {
        var uri = new Uri(detailed is { } id ? string.Create(CultureInfo.InvariantCulture, $"{page}?session={id}") : page, UriKind.Relative);
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.Connection.Add(ManagementPages.DirectOption);
        request.Headers.ConnectionClose = true;
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
    }

    private async Task<ProcessStatus> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken) => answer.StatusCode switch
    {
        HttpStatusCode.OK => StatusReader.Read(await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false)) ?? throw NotManagement("what it answers is not understood here"),
        HttpStatusCode.MisdirectedRequest => NotManagementStatus(answer, "it is behind a proxy, or knows its machine by other names"),
        _ => NotManagementStatus(answer, "it is another program, or an XpraAes of before Watch-XpraAes could ask"),
    };

    private ProcessStatus NotManagementStatus(HttpResponseMessage answer, string reason)
        => throw NotManagement(string.Create(CultureInfo.InvariantCulture, $"it answered with HTTP status {(int)answer.StatusCode}: {reason}"));

    private XpraAesException NotManagement(string reason, Exception? inner = null)
        => new(XpraErrorId.NotManagement, $"That is no management address that can be watched: {reason}.", "Give the address that the listener was started with (-ManagementAddress), and use one version of XpraAes for both.", inner) { Target = _address };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
        => (await TransportTable.ConnectAsync(_endpoint, [], _timeout, Limits.Default, cancellationToken).ConfigureAwait(false)).Stream;
}
