using XpraAes.Management;

namespace XpraAes.PowerShell.Watching;

/// <summary>The listeners and sessions of other processes, which are asked at their management addresses again and again.</summary>
internal sealed class ManagementSource : IPollingSource
{
    private const string CannotDisconnect = "Not from here: use Disconnect-XpraAes in that process.";

    private readonly Gateway[] _gateways;
    private readonly RateHistory _total = new();

    /// <summary>Asks from now on, until the token is cancelled.</summary>
    /// <param name="addresses">The management addresses.</param>
    /// <param name="timeout">For each question.</param>
    /// <param name="interval">Between an answer and the next question.</param>
    /// <param name="maxParallel">Questions at a time.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public ManagementSource(IEnumerable<ManagementAddress> addresses, TimeSpan timeout, TimeSpan interval, int maxParallel, CancellationToken cancellationToken)
    {
        _gateways = [.. addresses.Select(address => new Gateway($"{address}", new ManagementClient(address, timeout)))];
        Completion = AskAsync();

        async Task AskAsync()
        {
            await Poll<ProcessStatus>.RunAsync(_gateways.Select(gateway => gateway.Poll), interval, maxParallel, cancellationToken);
            foreach (var gateway in _gateways)
                gateway.Client.Dispose();
        }
    }

    public Task Completion { get; }

    public bool HasRates => Array.TrueForAll(_gateways, gateway => gateway.Poll.Last.Count > 1);

    private bool ShowsOne => _gateways.Length == 1;

    public WatchSnapshot Sample(TimeSpan time)
    {
        foreach (var gateway in _gateways)
            gateway.Update();
        var answering = _gateways.Where(gateway => gateway.Status is not null).ToArray();
        _total.Add(_gateways.Max(gateway => gateway.Poll.Last.Time), _gateways.Total(gateway => gateway.History.Total.In), _gateways.Total(gateway => gateway.History.Total.Out));
        // Of one process everything is shown as of this one; of several, each in one row.
        var hasListeners = ShowsOne && answering.Length == 1;
        return new WatchSnapshot
        {
            Time = DateTime.Now,
            PlaceKind = hasListeners ? "listener" : "gateway",
            Places = hasListeners ? answering[0].History.Places : [.. _gateways.Select(PlaceOf)],
            Sessions = [.. answering.SelectMany(gateway => gateway.History.Sessions.Zip(gateway.Status!.Sessions ?? [], (row, session) => RowOf(gateway, row, session)))],
            // By the clock of the process, which is the exact one.
            Traffic = ShowsOne ? _gateways[0].History.Traffic : _total,
            Refusals = ProcessHistory.Merge(answering.SelectMany(gateway => gateway.History.Refusals)),
            Facts = answering.Length == 0 ? [] : ProcessHistory.FactsOf([.. answering.Select(gateway => gateway.Status!)], answering.Sum(gateway => gateway.History.DerivationRate)),
        };
    }

    private static PlaceRow PlaceOf(Gateway gateway)
    {
        if (gateway.Failure is { } failure)
            return new PlaceRow { Name = gateway.Address, State = "no answer", Tone = Tone.Bad, Note = failure };
        if (gateway.Status is null)
            return new PlaceRow { Name = gateway.Address, State = "asking", Tone = Tone.Caution };
        var listeners = gateway.History.Places;
        return new PlaceRow
        {
            Name = gateway.Address,
            State = listeners.Any(listener => listener.Tone != Tone.Good) ? "stopping" : "answers",
            Tone = listeners.Any(listener => listener.Tone != Tone.Good) ? Tone.Caution : Tone.Good,
            Note = string.Join("; ", listeners.Select(listener => listener.Note.Length > 0 ? $"{listener.Name} to {listener.Note}" : listener.Name)),
            Sessions = (int)Math.Min(listeners.Total(listener => listener.Sessions ?? 0), StatusReader.MaxSessions),
            WithholdsSessions = gateway.Status.Sessions is null,
            Traffic = gateway.Listeners,
        };
    }

    private SessionRow RowOf(Gateway gateway, SessionRow row, SessionStatus session) => row with
    {
        Key = $"{gateway.Address} {gateway.Status!.Started.Ticks} {row.Id}",
        Place = ShowsOne ? "" : gateway.Address,
        Details = () => gateway.DetailsOf(session),
        WhyNotDisconnect = CannotDisconnect,
    };

    /// <summary>A process, and what is remembered of it.</summary>
    private sealed class Gateway
    {
        private int _seen;
        private DateTime _started;
        private volatile int _detailed; // 0 for none

        public Gateway(string address, ManagementClient client)
        {
            (Address, Client) = (address, client);
            Poll = new(token => client.GetStatusAsync(_detailed is not 0 and var id ? id : null, token));
        }

        public string Address { get; }

        public ManagementClient Client { get; }

        public Poll<ProcessStatus> Poll { get; }

        public ProcessHistory History { get; private set; } = new();

        /// <summary>What all its listeners have transferred.</summary>
        public RateHistory Listeners { get; private set; } = new();

        /// <summary>The last answer; null while there is none.</summary>
        public ProcessStatus? Status { get; private set; }

        /// <summary>Why there is none.</summary>
        public string? Failure { get; private set; }

        /// <summary>Takes up a new answer.</summary>
        public void Update()
        {
            var answer = Poll.Last;
            if (answer.Count == _seen)
                return;
            _seen = answer.Count;
            (Status, Failure) = (answer.Value, answer.Failure);
            if (Status is null)
                return;
            // After a restart all counters begin again.
            if (Status.Started != _started)
                (History, Listeners, _started) = (new(), new(), Status.Started);
            var time = TimeSpan.FromMilliseconds(Status.Uptime);
            History.Add(time, Status);
            Listeners.Add(time, Status.Listeners.Total(listener => listener.BytesIn), Status.Listeners.Total(listener => listener.BytesOut));
        }

        /// <summary>All about a session. Its ciphers are asked for once they are wanted.</summary>
        public IReadOnlyList<DetailSection> DetailsOf(SessionStatus session)
        {
            if (session.Ciphers is { } ciphers)
                return [SessionDetails.Of(session), .. CipherDetails.Of(ciphers)];
            if (_detailed != session.Id)
            {
                _detailed = session.Id;
                Poll.Hurry();
            }
            return [SessionDetails.Of(session), new DetailSection("Cipher", [("", "is asked for")])];
        }
    }
}
