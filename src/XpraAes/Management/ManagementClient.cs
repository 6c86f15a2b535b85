using System.Globalization;
using System.Net;
using System.Text;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>Asks the management address of another process for its status. Whoever answers there is not trusted: what comes is limited in size and time, and goes through <see cref="StatusReader"/>.</summary>
internal sealed class ManagementClient : IDisposable
{
    /// <summary>Largest answer in bytes; arbitrary, enough for 30,000 sessions.</summary>
    public const int MaxAnswer = 16 * 1024 * 1024;

    private const string TooLarge = "its answer is larger than a status is";

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
            ConnectCallback = (_, token) => OpenAsync(token),
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
            // By TCP nobody is told more than sums.
            if (_endpoint.IsLocal && await AskSessionsAsync(detailed, deadline.Token).ConfigureAwait(false) is { } all)
                return all;
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("status", UriKind.Relative));
            request.Headers.ConnectionClose = true;
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, deadline.Token).ConfigureAwait(false);
            return answer.StatusCode switch
            {
                HttpStatusCode.OK => Read(await answer.Content.ReadAsByteArrayAsync(deadline.Token).ConfigureAwait(false)),
                HttpStatusCode.MisdirectedRequest => throw NotManagement("it is behind a proxy, or knows its machine by other names"),
                _ => throw NotManagement(string.Create(CultureInfo.InvariantCulture, $"it answered with HTTP status {(int)answer.StatusCode}, so it is another program, or an earlier version of XpraAes")),
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"No answer came within {_timeout.TotalSeconds:0.#} s.", "Check that it is the address of -ManagementAddress, and that its process is not stopped.") { Target = _address };
        }
        catch (Exception e) when ((e as XpraAesException ?? e.InnerException as XpraAesException) is { Target: null } failure)
        {
            throw new XpraAesException(failure.Id, failure.Message, failure.RecommendedAction, e) { Target = _address };
        }
        catch (HttpRequestException e)
        {
            throw e.HttpRequestError switch
            {
                HttpRequestError.ConfigurationLimitExceeded => NotManagement(TooLarge, e),
                HttpRequestError.InvalidResponse => NotManagement("it does not speak HTTP", e),
                _ => Lost(e),
            };
        }
        catch (IOException e)
        {
            throw Lost(e);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Null where they are not told: that is answered by HTTP.</summary>
    private async Task<ProcessStatus?> AskSessionsAsync(int? detailed, CancellationToken cancellationToken)
    {
        var stream = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var line = detailed is { } id ? string.Create(CultureInfo.InvariantCulture, $"{ManagementPages.SessionsRequest} {id}") : ManagementPages.SessionsRequest;
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{line}\r\n\r\n"), cancellationToken).ConfigureAwait(false);
            using var answer = new MemoryStream();
            var part = new byte[64 * 1024];
            while (await stream.ReadAsync(part, cancellationToken).ConfigureAwait(false) is > 0 and var count)
            {
                if (answer.Length + count > MaxAnswer)
                    throw NotManagement(TooLarge);
                answer.Write(part, 0, count);
            }
            if (answer.Length == 0)
                throw Lost(null);
            return answer.GetBuffer().AsSpan().StartsWith("HTTP/"u8) ? null : Read(answer.GetBuffer().AsSpan(0, (int)answer.Length));
        }
    }

    private ProcessStatus Read(ReadOnlySpan<byte> answer) => StatusReader.Read(answer) ?? throw NotManagement("what it answers is not understood here");

    private XpraAesException Lost(Exception? inner)
        => new(XpraErrorId.ConnectionLost, "The connection ended before the answer.", "If that happens again, something else than XpraAes may listen there.", inner) { Target = _address };

    private XpraAesException NotManagement(string reason, Exception? inner = null)
        => new(XpraErrorId.NotManagement, $"That is no management address that can be watched: {reason}.", "Give the address that the listener was started with (-ManagementAddress), and use one version of XpraAes for both.", inner) { Target = _address };

    private async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
        => (await TransportTable.ConnectAsync(_endpoint, [], _timeout, Limits.Default, cancellationToken).ConfigureAwait(false)).Stream;
}
