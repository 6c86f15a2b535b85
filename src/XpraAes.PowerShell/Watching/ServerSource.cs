using System.Globalization;
using XpraAes.Administration;
using XpraAes.Diagnostics;
using XpraAes.Encodings;

namespace XpraAes.PowerShell.Watching;

/// <summary>The clients of remote servers, which are asked for their information again and again, as Get-XpraInfo asks.</summary>
internal sealed class ServerSource : IWatchSource
{
    private readonly Server[] _servers;
    private readonly Dictionary<string, RateHistory> _traffic = [];
    private readonly RateHistory _total = new();

    /// <summary>Asks from now on, until the token is cancelled.</summary>
    /// <param name="servers">The servers.</param>
    /// <param name="interval">Between an answer and the next question.</param>
    /// <param name="maxParallel">Questions at a time.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public ServerSource(IEnumerable<IServerRequests> servers, TimeSpan interval, int maxParallel, CancellationToken cancellationToken)
    {
        _servers = [.. servers.Select(requests => new Server(requests))];
        // Never disposed: a question may outlive the watch.
        var turns = new SemaphoreSlim(maxParallel);
        Completion = Task.WhenAll(_servers.Select(server => Task.Run(() => AskAsync(server, interval, turns, cancellationToken), CancellationToken.None)));
    }

    /// <summary>Completes when it is cancelled and no question is open.</summary>
    public Task Completion { get; }

    public bool HasRates => Array.TrueForAll(_servers, server => server.Last.Count > 1);

    public WatchSnapshot Sample(TimeSpan time)
    {
        List<PlaceRow> places = [];
        List<SessionRow> sessions = [];
        var (totalIn, totalOut) = (0L, 0L);
        foreach (var server in _servers)
        {
            var answer = server.Last;
            places.Add(PlaceOf(server.Requests.Server, answer));
            foreach (var (number, client) in answer.Info is null ? [] : ServerInformation.Clients(answer.Info))
            {
                var row = RowOf(server.Requests.Server, answer, number, client, ref totalIn, ref totalOut);
                sessions.Add(row);
            }
        }
        var live = sessions.Select(session => session.Key).ToHashSet();
        foreach (var gone in _traffic.Keys.Where(key => !live.Contains(key)).ToArray())
            _traffic.Remove(gone);
        _total.Add(_servers.Max(server => server.Last.Time), totalIn, totalOut);
        return new WatchSnapshot { Time = DateTime.Now, PlaceKind = "server", Places = places, Sessions = sessions, Traffic = _total };
    }

    private static PlaceRow PlaceOf(string server, Answer answer)
    {
        if (answer.Failure is { } failure)
            return new PlaceRow { Name = server, State = "no answer", Tone = Tone.Bad, Note = failure };
        if (answer.Info is null)
            return new PlaceRow { Name = server, State = "asking", Tone = Tone.Caution };
        var summary = ServerInformation.Summarize(answer.Info, server);
        return new PlaceRow
        {
            Name = server,
            State = "answers",
            Tone = Tone.Good,
            Note = string.Join(", ", new[] { summary.Version, summary.SessionName, summary.Uptime is { } uptime ? $"up {Units.Age(uptime)}" : null, $"{summary.Windows} windows" }.OfType<string>()),
            Sessions = summary.Clients,
        };
    }

    private SessionRow RowOf(string server, Answer answer, int number, XpraDictionary info, ref long totalIn, ref long totalOut)
    {
        var client = ServerInformation.ReadClient(number, info, server);
        var connection = info.GetDictionary("connection");
        var (received, sent) = (BytesOf(connection, "input"), BytesOf(connection, "output"));
        var key = $"{server} {number} {client.Uuid}";
        if (!_traffic.TryGetValue(key, out var traffic))
            _traffic[key] = traffic = new RateHistory();
        // By the time of the answer, not of the frame: the counters are that old.
        traffic.Add(answer.Time, received, sent);
        (totalIn, totalOut) = (totalIn + received, totalOut + sent);
        return new SessionRow
        {
            Key = key,
            Id = number,
            State = "attached",
            Tone = client.Cipher == "none" ? Tone.Caution : Tone.Good,
            Peer = client.Address ?? "unknown",
            User = client.UserName ?? "",
            Route = server,
            Transport = ServerText.Line(connection?["type"], 32) ?? "",
            Cipher = client.Cipher,
            Traffic = traffic,
            Latency = client.Latency,
            Age = client.Since is { } since ? DateTime.Now - since : null,
            Details = () => DetailsOf(answer.Info!, client),
        };
    }

    private static IReadOnlyList<DetailSection> DetailsOf(XpraDictionary info, XpraClient client)
    {
        var rows = typeof(XpraClient).GetProperties().Select(property => (property.Name, Convert.ToString(property.GetValue(client), CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : "-")).ToArray();
        return [new DetailSection("Client", rows), .. ProcessSource.LegsOf([.. RemoteCiphers.Read(info, client.Server).Where(cipher => cipher.Connection == client.Number)])];
    }

    private static long BytesOf(XpraDictionary? connection, string direction) => Math.Max(0, connection?.GetDictionary(direction)?.GetInteger("bytecount") ?? 0);

    private static async Task AskAsync(Server server, TimeSpan interval, SemaphoreSlim turns, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await turns.WaitAsync(cancellationToken);
                try
                {
                    var info = ServerInformation.Normalize(await server.Requests.GetInfoAsync(cancellationToken));
                    server.Last = new Answer(server.Last.Count + 1, WatchClock.Now, info, null);
                }
                catch (XpraAesException e)
                {
                    server.Last = new Answer(server.Last.Count + 1, WatchClock.Now, null, $"{e.Id}: {e.Message}");
                }
                finally
                {
                    turns.Release();
                }
                await Task.Delay(interval, cancellationToken);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException && cancellationToken.IsCancellationRequested)
        {
            // The watch has ended.
        }
    }

    /// <summary>A server's last answer.</summary>
    private sealed record Answer(int Count, TimeSpan Time, XpraDictionary? Info, string? Failure);

    private sealed class Server(IServerRequests requests)
    {
        private volatile Answer _answer = new(0, TimeSpan.Zero, null, null);

        public IServerRequests Requests => requests;

        public Answer Last
        {
            get => _answer;
            set => _answer = value;
        }
    }
}
