using System.Globalization;
using XpraAes.Administration;
using XpraAes.Diagnostics;
using XpraAes.Encodings;

namespace XpraAes.PowerShell.Watching;

/// <summary>The clients of remote servers, which are asked for their information again and again, as Get-XpraInfo asks.</summary>
internal sealed class ServerSource : IPollingSource
{
    private const string CannotDisconnect = "Not one alone: Disconnect-XpraClient disconnects all.";

    private readonly Server[] _servers;
    private readonly Dictionary<string, RateHistory> _traffic = [];
    private readonly TrafficSum<string> _sum = new();
    private readonly RateHistory _total = new();

    /// <summary>Asks from now on, until the token is cancelled.</summary>
    /// <param name="servers">The servers.</param>
    /// <param name="interval">Between an answer and the next question.</param>
    /// <param name="maxParallel">Questions at a time.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public ServerSource(IEnumerable<IServerRequests> servers, TimeSpan interval, int maxParallel, CancellationToken cancellationToken)
    {
        _servers = [.. servers.Select(requests => new Server(requests))];
        Completion = Poll<XpraDictionary>.RunAsync(_servers.Select(server => server.Poll), interval, maxParallel, cancellationToken);
    }

    public Task Completion { get; }

    public bool HasRates => Array.TrueForAll(_servers, server => server.Poll.Last.Count > 1);

    public WatchSnapshot Sample(TimeSpan time)
    {
        List<PlaceRow> places = [];
        List<SessionRow> sessions = [];
        var last = TimeSpan.Zero;
        foreach (var server in _servers)
        {
            var answer = server.Poll.Last;
            last = answer.Time > last ? answer.Time : last;
            places.Add(PlaceOf(server.Name, answer));
            if (answer.Value is { } info)
                sessions.AddRange(ServerInformation.Clients(info).Select(client => RowOf(server, info, answer.Time, client.Number, client.Info)));
            server.IsKnown = answer.Value is not null;
        }
        var live = sessions.Select(session => session.Key).ToArray();
        _traffic.Keep(live);
        _sum.Keep(live);
        _total.Add(last, _sum.Total.In, _sum.Total.Out);
        return new WatchSnapshot { Time = DateTime.Now, PlaceKind = "server", Places = places, Sessions = sessions, Traffic = _total };
    }

    private static PlaceRow PlaceOf(string server, Poll<XpraDictionary>.Answer answer)
    {
        if (answer.Failure is { } failure)
            return new PlaceRow { Name = server, State = "no answer", Tone = Tone.Bad, Note = failure };
        if (answer.Value is null)
            return new PlaceRow { Name = server, State = "asking", Tone = Tone.Caution };
        var summary = ServerInformation.Summarize(answer.Value, server);
        return new PlaceRow
        {
            Name = server,
            State = "answers",
            Tone = Tone.Good,
            Note = string.Join(", ", new[] { summary.Version, summary.SessionName, summary.Uptime is { } uptime ? $"up {Units.Age(uptime)}" : null, $"{summary.Windows} windows" }.OfType<string>()),
            Sessions = summary.Clients,
        };
    }

    private SessionRow RowOf(Server server, XpraDictionary answer, TimeSpan time, int number, XpraDictionary info)
    {
        var client = ServerInformation.ReadClient(number, info, server.Name);
        var connection = info.GetDictionary("connection");
        var (received, sent) = (BytesOf(connection, "input"), BytesOf(connection, "output"));
        var key = $"{server.Name} {number} {client.Uuid}";
        if (!_traffic.TryGetValue(key, out var traffic))
            _traffic[key] = traffic = new RateHistory();
        // By the time of the answer, not of the frame: the counters are that old.
        traffic.Add(time, received, sent);
        // What clients had transferred before the server was asked the first time belongs to no interval.
        _sum.Add(key, received, sent, isNew: server.IsKnown);
        return new SessionRow
        {
            Key = key,
            Id = number,
            State = "attached",
            Tone = client.Cipher == "none" ? Tone.Caution : Tone.Good,
            Peer = client.Address ?? "unknown",
            User = client.UserName ?? "",
            Route = server.Name,
            Transport = ServerText.Line(connection?["type"], 32) ?? "",
            Cipher = client.Cipher,
            Traffic = traffic,
            Latency = client.Latency,
            Age = client.Since is { } since ? DateTime.Now - since : null,
            Details = () => DetailsOf(answer, client),
            WhyNotDisconnect = CannotDisconnect,
        };
    }

    private static IReadOnlyList<DetailSection> DetailsOf(XpraDictionary info, XpraClient client)
    {
        var rows = typeof(XpraClient).GetProperties().Select(property => (property.Name, Convert.ToString(property.GetValue(client), CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : "-")).ToArray();
        return [new DetailSection("Client", rows), .. CipherDetails.Of([.. RemoteCiphers.Read(info, client.Server).Where(cipher => cipher.Connection == client.Number)])];
    }

    private static long BytesOf(XpraDictionary? connection, string direction) => Math.Max(0, connection?.GetDictionary(direction)?.GetInteger("bytecount") ?? 0);

    private sealed class Server(IServerRequests requests)
    {
        public string Name => requests.Server;

        public Poll<XpraDictionary> Poll { get; } = new(async token => ServerInformation.Normalize(await requests.GetInfoAsync(token)));

        /// <summary>Whether it answered at the last sample.</summary>
        public bool IsKnown { get; set; }
    }
}
