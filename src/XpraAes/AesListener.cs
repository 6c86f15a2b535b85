using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes;

/// <summary>Listens on TCP ports for xpra clients that encrypt with AES, and serves them in the background until it is stopped.</summary>
public sealed class AesListener : IAsyncDisposable
{
    /// <summary>Why a session has ended that came about while its listener stopped.</summary>
    internal const string CutOff = "cut off";

    /// <summary>How often a listener that drains looks whether anyone is left to wait for; arbitrary.</summary>
    private static readonly TimeSpan s_drainInterval = TimeSpan.FromMilliseconds(200);

    private readonly Bind[] _binds;
    private readonly ListenerOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _draining = new();
    private readonly TaskCompletionSource _served = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IDisposable> _salts = []; // kept until it stops, since sessions may prove a key after it was replaced
    private readonly long _lastDescriptor;
    private bool _descriptorsAreLow;
    private volatile bool _isClosed; // its ports are
    private Task[] _accepting = []; // for each bind
    private int _state;
    private int _serving; // clients

    private AesListener(IReadOnlyList<(IListeningPoint Point, ListenerOptions Options)> binds)
    {
        _options = binds[0].Options;
        Id = LiveRegistry.NextId();
        bool IsTrusted(IPAddress address) => binds.Any(bind => bind.Options.Trusts(address));
        Guard = new SourceGuard(_options.Limits, IsTrusted, _options.Clock);
        Derivations = new DerivationGate(_options.Limits.ConcurrentDerivations, _options.Limits.WaitingDerivations, IsTrusted, _options.Limits.RememberedSources, _options.Clock);
        _lastDescriptor = FileDescriptors.Limit - _options.Limits.ReservedDescriptors;
        Counters = new ListenerCounters();
        Health = new TargetHealth(_options.Limits, _options.Clock, _options.Logger, _stopping.Token);
        ListenerMetrics.Publish();
        LogThrottle = new LogThrottle(_options.Logger, _options.Clock);
        _binds = [.. binds.Select(bind => new Bind(bind.Point, new ClientService(this, bind.Point, bind.Options)))];
    }

    /// <summary>Raised on a thread-pool thread when a client's session is established.</summary>
    public event EventHandler<ListenerEventArgs>? ConnectionOpened;

    /// <summary>Raised on a thread-pool thread when a session has ended.</summary>
    public event EventHandler<ListenerEventArgs>? ConnectionClosed;

    /// <summary>Raised on a thread-pool thread when a client was refused or lost before it was accepted.</summary>
    public event EventHandler<ListenerEventArgs>? HandshakeFailed;

    /// <summary>Its number, unique in this process.</summary>
    public int Id { get; }

    /// <summary>The address and port, the Unix socket or the named pipe that it listens on; with several binds, the first.</summary>
    public string Endpoint => First.Point.Address;

    // Lists that scripts see are arrays: PowerShell cannot index the compiler's read-only lists.

    /// <summary>All addresses and ports, Unix sockets and named pipes that it listens on.</summary>
    public IReadOnlyList<string> Endpoints => (string[])[.. _binds.Select(bind => bind.Point.Address)];

    /// <summary>The port that it listens on, 0 for a Unix socket or named pipe; with several binds, the first.</summary>
    public int Port => First.Point.Endpoint.Port;

    /// <summary>The AES modes that it accepts, none for unencrypted clients; with several binds, the first one's.</summary>
    public AesMode[] Mode => Options switch
    {
        { Key: null } => [],
        { IsSealedOnly: true } => [AesMode.GCM],
        { Modes: var modes } => [.. modes.Distinct()],
    };

    /// <summary>Where the key data came from, null for unencrypted clients; with several binds, the first one's.</summary>
    public KeySource? KeySource => Options.Key?.KeySource;

    /// <summary>The fingerprint of the key data, null for unencrypted clients; with several binds, the first one's.</summary>
    public string? KeyFingerprint => Options.Key?.Fingerprint;

    /// <summary>The fingerprint of each bind's key data, in the order of <see cref="Endpoints"/>; null for unencrypted clients.</summary>
    public IReadOnlyList<string?> KeyFingerprints => (string?[])[.. _binds.Select(bind => bind.Service.Options.Key?.Fingerprint)];

    /// <summary>The certificate of TLS on this port, with its expiry and fingerprint; null without TLS. With several binds, the first one's.</summary>
    public ServerCertificate? Certificate => Options.Certificate;

    /// <summary>The folder of the pages that browsers get; null for none. With several binds, the first one's.</summary>
    public string? WebRoot => Options.WebRoot;

    /// <summary>The address to open in a browser; null if it gets no pages. It never contains the key.</summary>
    public string? BrowserUri => BrowserUriOf(First);

    /// <summary>The server that sessions are forwarded to, or how many routes there are; null: it answers clients itself. With several binds, the first one's.</summary>
    public string? Target => Options switch
    {
        { Target: { } target } => target.ToString(),
        { Routes: [{ Name: RouteName.Every, Targets: var targets }] } => string.Join(", ", targets),
        { Routes.Count: > 0 and var count } => string.Create(CultureInfo.InvariantCulture, $"{count} routes"),
        _ => null,
    };

    /// <summary>The routes of its sessions, those of all binds, with the open sessions of each; empty if it answers clients itself. A single target is the route <c>*</c>.</summary>
    public IReadOnlyList<ListenerRoute> Routes
    {
        get
        {
            var sessions = Connections.GroupBy(connection => connection.Route ?? "").ToDictionary(route => route.Key, route => route.Count());
            return (ListenerRoute[])[.. _binds.SelectMany(bind => bind.Service.Options.AllRoutes).GroupBy(route => route.Name)
                .Select(route => new ListenerRoute(route.Key, [.. route.SelectMany(options => options.Targets).Select(target => target.Endpoint.ToString()).Distinct()], sessions.GetValueOrDefault(route.Key), Health))];
        }
    }

    /// <summary>Where the process answers <c>/healthz</c>, <c>/readyz</c>, <c>/metrics</c> and <c>/status</c>: an address and port, or the path of a Unix socket. Null if this listener was not given one.</summary>
    public string? ManagementAddress { get; internal set; }

    /// <summary>Which files and addresses it was started with, for whoever changes it by a configuration file.</summary>
    internal ListenerFiles? Files { get; set; }

    /// <summary>Whether it is listening, draining, stopping or stopped.</summary>
    public ListenerState State => (ListenerState)Volatile.Read(ref _state);

    /// <summary>The open sessions.</summary>
    public IReadOnlyList<XpraConnection> Connections => Counters.Connections;

    /// <summary>Clients accepted so far, for a session or a request.</summary>
    public long Accepted => Counters.Accepted;

    /// <summary>Clients refused or lost before they were accepted.</summary>
    public long Rejected => Counters.Rejected;

    /// <summary>The number of refusals for each cause.</summary>
    public IReadOnlyDictionary<XpraErrorId, long> Refusals => Counters.Refusals;

    /// <summary>Bytes received so far on all its connections.</summary>
    public long BytesIn => Counters.Total.BytesIn;

    /// <summary>Bytes sent so far on all its connections.</summary>
    public long BytesOut => Counters.Total.BytesOut;

    /// <summary>Packets received so far on all its connections.</summary>
    public long PacketsIn => Counters.Total.PacketsIn;

    /// <summary>Packets sent so far on all its connections.</summary>
    public long PacketsOut => Counters.Total.PacketsOut;

    /// <summary>The URI for <c>xpra attach</c>, with <c>keyfile=</c> but never with key data. If it listens on every address, the host is this machine's name.</summary>
    public string AttachUri
    {
        get
        {
            var endpoint = AdvertisedEndpoint(Binds[0].Endpoint);
            if (endpoint.Transport == TransportKind.TlsPsk)
                return XpraUri.Build(endpoint, null, Options.Key?.Path ?? "key.txt");
            return Options.Key is { } key ? XpraUri.Build(endpoint, Mode[0], key.Path ?? "key.txt") : endpoint.ToString();
        }
    }

    /// <summary>Completes when the listener has stopped.</summary>
    public Task Completion => _stopped.Task;

    /// <summary>Clients being served, with or without a session; 0 when all have gone.</summary>
    internal int Serving => Volatile.Read(ref _serving);

    /// <summary>Whether it does what its state says: accept clients, or end.</summary>
    internal bool IsAlive => _isClosed || !Array.Exists(_accepting, task => task.IsCompleted);

    /// <summary>Whether its ports are open, as they are while it listens and at first while it drains.</summary>
    internal bool IsOpen => !_isClosed;

    internal ListenerCounters Counters { get; }

    internal SourceGuard Guard { get; }

    internal DerivationGate Derivations { get; }

    internal TargetHealth Health { get; }

    internal LogThrottle LogThrottle { get; }

    /// <summary>The configuration of the first bind.</summary>
    internal ListenerOptions Options => First.Service.Options;

    /// <summary>Every address that it listens on, with its configuration.</summary>
    internal IReadOnlyList<(XpraEndpoint Endpoint, ListenerOptions Options)> Binds => [.. _binds.Select(bind => (bind.Point.Endpoint with { Transport = TransportFor(bind) }, bind.Service.Options))];

    private Bind First => _binds[0];

    /// <summary>Binds the port and starts to listen; <paramref name="more"/> adds further ports, each with its own key.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption, IterationsRejected, KeyFileEmpty, StateUnusable, StateInUse. Then no port is open.</exception>
    public static AesListener Start(ListenerOptions options, params ListenerOptions[] more)
    {
        ArgumentNullException.ThrowIfNull(options);
        var points = new List<(IListeningPoint, ListenerOptions)>();
        List<IDisposable> salts = [];
        AesListener listener;
        try
        {
            foreach (var bind in more.Prepend(options))
            {
                Validate(bind);
                points.Add((Listen(bind), bind));
            }
            RequireKnownBinds(points);
            salts = PrepareSalts(more.Prepend(options));
            listener = new AesListener(points);
        }
        catch
        {
            foreach (var (point, _) in points)
                point.Dispose();
            salts.ForEach(salt => salt.Dispose());
            throw;
        }
        listener._salts.AddRange(salts);
        LiveRegistry<AesListener>.Add(listener.Id, listener);
        listener.LogListening();
        foreach (var (point, bind) in points)
        {
            if (point.Activation is { } name)
                Log.SocketPassed(bind.Logger, point.Address, name);
        }
        listener._accepting = [.. listener._binds.Select(bind => Task.Run(() => listener.AcceptAsync(bind)))];
        return listener;
    }

    /// <summary>Changes key, modes, password or target for new connections; open ones keep theirs. Address, port and limits cannot change.</summary>
    /// <param name="change">Returns the new options for the old ones.</param>
    /// <param name="endpoint">One of <see cref="Endpoints"/>; null for all of them.</param>
    /// <exception cref="XpraAesException">InvalidOption, IterationsRejected, KeyFileEmpty, NotFound for an unknown endpoint; then nothing has changed. Closed if its ports are.</exception>
    public void Reconfigure(Func<ListenerOptions, ListenerOptions> change, string? endpoint = null)
    {
        ArgumentNullException.ThrowIfNull(change);
        Reconfigure((Bind bind) => change(bind.Service.Options), endpoint);
    }

    private void Reconfigure(Func<Bind, ListenerOptions> change, string? endpoint)
    {
        lock (_binds)
        {
            if (_isClosed)
                throw new XpraAesException(XpraErrorId.Closed, $"The listener {Id} has closed its ports.");
            var changes = _binds.Where(bind => endpoint is null || bind.Point.Address == endpoint).Select(bind => (Bind: bind, Options: change(bind))).ToArray();
            if (changes.Length == 0)
                throw new XpraAesException(XpraErrorId.NotFound, $"The listener {Id} does not listen on {endpoint}.", $"It listens on {string.Join(", ", Endpoints)}.");
            foreach (var (_, options) in changes)
                Validate(options);
            RequireKnownBinds([.. _binds.Select(bind => (bind.Point, changes.FirstOrDefault(change => change.Bind == bind).Options ?? bind.Service.Options))]);
            _salts.AddRange(PrepareSalts(changes.Select(change => change.Options)));
            foreach (var (bind, options) in changes)
                bind.Replace(new ClientService(this, bind.Point, options));
        }
        LogListening();
    }

    /// <summary>Replaces the options of every address for new connections, all or none. The addresses and what belongs to the whole listener stay.</summary>
    /// <exception cref="XpraAesException">As <see cref="Reconfigure(Func{ListenerOptions, ListenerOptions}, string?)"/>; InvalidOption for what cannot change.</exception>
    internal void Reconfigure(IReadOnlyList<ListenerOptions> replacements)
    {
        // Fixed from the start, so there is no need to lock.
        var chosen = Match(replacements) ?? throw CannotChange("the addresses");
        Reconfigure((Bind bind) => Replacement(bind.Service.Options, chosen[bind]), endpoint: null);

        static ListenerOptions Replacement(ListenerOptions old, ListenerOptions options)
        {
            if (options.StatePath != old.StatePath)
                throw CannotChange("StatePath");
            if (options.Limits != old.Limits)
                throw CannotChange("Limit");
            if (!options.TrustedSources.SequenceEqual(old.TrustedSources) || options.ProxyProtocol != old.ProxyProtocol)
                throw CannotChange("TrustedSource and ProxyProtocol");
            return options with { Port = old.Port, Logger = old.Logger, Clock = old.Clock };
        }

        static XpraAesException CannotChange(string what) => new(XpraErrorId.InvalidOption, $"A listener cannot change {what} while it runs.", "Restart it, or leave that as it was.");
    }

    /// <summary>The options for each address: those that name its port before those that take any. Null if they are for other addresses.</summary>
    private Dictionary<Bind, ListenerOptions>? Match(IReadOnlyList<ListenerOptions> replacements)
    {
        var chosen = new Dictionary<Bind, ListenerOptions>();
        var left = replacements.ToList();
        foreach (var anyPort in new[] { false, true })
        {
            foreach (var bind in _binds.Where(bind => !chosen.ContainsKey(bind)))
            {
                var endpoint = bind.Point.Endpoint;
                var old = bind.Service.Options;
                var at = left.FindIndex(options => options.Address.Equals(old.Address) && options.SocketPath == old.SocketPath && options.PipeName == old.PipeName && options.Port == (anyPort ? 0 : endpoint.Port));
                if (at < 0)
                    continue;
                chosen.Add(bind, left[at]);
                left.RemoveAt(at);
            }
        }
        return left.Count == 0 && chosen.Count == _binds.Length ? chosen : null;
    }

    /// <summary>Frees the ports, delivers what is in transit, and tells every client that the server exits. Sessions that have not ended within the grace period are aborted.</summary>
    /// <param name="grace">How long sessions may take to end once they have been told to.</param>
    public Task StopAsync(TimeSpan grace) => StopAsync(grace, TimeSpan.Zero);

    /// <summary>
    /// As <see cref="StopAsync(TimeSpan)"/>, but first drains: it accepts clients for a while as before, then frees the ports and lets the open sessions go on for
    /// a while. A further call ends both times. Clients that have not proven the key are waited for as long as <see cref="Limits.HandshakeTimeout"/>.
    /// </summary>
    /// <param name="grace">How long sessions may take to end once they have been told to.</param>
    /// <param name="drain">How long they may go on before, from when the ports are free.</param>
    /// <param name="delay">How long the ports stay open before.</param>
    public async Task StopAsync(TimeSpan grace, TimeSpan drain, TimeSpan delay = default)
    {
        var first = drain > TimeSpan.Zero || delay > TimeSpan.Zero ? ListenerState.Draining : ListenerState.Stopping;
        if (Interlocked.CompareExchange(ref _state, (int)first, (int)ListenerState.Listening) == (int)ListenerState.Listening)
        {
            if (delay > TimeSpan.Zero)
            {
                Log.DrainAnnounced(_options.Logger, Endpoint, Connections.Count, delay);
                await Task.Delay(delay, _draining.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            _isClosed = true;
            foreach (var bind in _binds)
                bind.Point.Dispose();
            // One that has failed, because its log did, has ended too.
            await Task.WhenAll(_accepting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (drain > TimeSpan.Zero)
                await DrainAsync(drain).ConfigureAwait(false);
            Interlocked.Exchange(ref _state, (int)ListenerState.Stopping);
            await Task.WhenAll(Connections.Select(connection => connection.CloseAsync("server exit", grace))).ConfigureAwait(false);
            await _stopping.CancelAsync().ConfigureAwait(false);
            foreach (var connection in Connections)
                connection.Abort(CutOff);
            if (Serving > 0)
                await _served.Task.ConfigureAwait(false);
            Interlocked.Exchange(ref _state, (int)ListenerState.Stopped);
            LiveRegistry<AesListener>.Remove(Id);
            lock (_binds)
            {
                foreach (var bind in _binds)
                    bind.Service.Release();
                foreach (var salts in _salts)
                    salts.Dispose();
            }
            LogThrottle.Dispose();
            Log.ListenerStopped(_options.Logger, Endpoint);
            _stopped.TrySetResult();
        }
        else
        {
            await _draining.CancelAsync().ConfigureAwait(false);
        }
        await _stopped.Task.ConfigureAwait(false);
    }

    private async Task DrainAsync(TimeSpan time)
    {
        Log.Draining(_options.Logger, Endpoint, Connections.Count, time);
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) is var elapsed && elapsed < time && !_draining.IsCancellationRequested && IsAwaited(elapsed))
            await Task.Delay(s_drainInterval < time - elapsed ? s_drainInterval : time - elapsed, _draining.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Whether someone is left to wait for, so long after the ports were closed. A stranger may keep a silent session for as long as nobody needs its place, or ask for one page after the other, and would hold up the end otherwise.</summary>
    private bool IsAwaited(TimeSpan elapsed)
        => elapsed < _options.Limits.HandshakeTimeout ? Serving > 0 : Connections.Any(connection => connection is { KeyProven: true } or { Legs: [{ Receive: null }, ..] });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(_options.Limits.CloseGrace).ConfigureAwait(false);

    /// <summary>For example <c>1 127.0.0.1:10000 Listening</c>.</summary>
    public override string ToString() => $"{Id} {Endpoint} {State}";

    /// <summary>The endpoint for clients on other machines: this machine's name in place of a wildcard address.</summary>
    internal static XpraEndpoint AdvertisedEndpoint(XpraEndpoint endpoint)
        => endpoint.Host == IPAddress.Any.ToString() || endpoint.Host == IPAddress.IPv6Any.ToString() ? endpoint with { Host = Environment.MachineName } : endpoint;

    internal void Open(XpraConnection connection)
    {
        Counters.Open(connection);
        Raise(ConnectionOpened, new ListenerEventArgs(connection.Peer, connection, null, null));
    }

    internal void Close(XpraConnection connection)
    {
        Counters.Close(connection);
        Raise(ConnectionClosed, new ListenerEventArgs(connection.Peer, connection, connection.CloseCause, connection.CloseReason));
    }

    internal void Refuse(string peer, XpraAesException cause, LogThrottle.Connection log)
    {
        Counters.Refuse(cause.Id);
        log.Refuse(peer, cause);
        Raise(HandshakeFailed, new ListenerEventArgs(peer, null, cause.Id, cause.Message));
    }

    /// <summary>Catches what a handler throws: it must neither end a session nor keep the listener from stopping.</summary>
    private void Raise(EventHandler<ListenerEventArgs>? handlers, ListenerEventArgs args)
    {
        try
        {
            handlers?.Invoke(this, args);
        }
        catch (Exception e)
        {
            Log.HandlerFailed(_options.Logger, Endpoint, e);
        }
    }

    private static IListeningPoint Listen(ListenerOptions options) => options switch
    {
        { PipeName: { } name } => NamedPipeTransport.Listen(name),
        { SocketPath: { } path } => UnixTransport.Listen(path, options.Limits.Backlog),
        _ => TcpTransport.Listen(options.Address, options.Port, options.Limits.Backlog),
    };

    private void LogListening()
        => Log.Listening(_options.Logger, string.Join(", ", Endpoints), string.Join(",", Mode), KeyFingerprint ?? "none");

    /// <summary>Creates each key's salt memory in advance, so that no client waits for it, and persists it if <see cref="ListenerOptions.StatePath"/> is set.</summary>
    private static List<IDisposable> PrepareSalts(IEnumerable<ListenerOptions> binds)
    {
        var kept = new List<IDisposable>();
        try
        {
            foreach (var bind in binds)
            {
                foreach (var key in bind.OtherKeys.Append(bind.Key).OfType<XpraKey>())
                {
                    var salts = SaltMemory.Of(key);
                    // Stretching takes a tenth of a second: where clients may come without TLS, the first one that uses it waits for that.
                    if (bind.Transports.Contains(TransportKind.TlsPsk))
                        _ = TlsPskSecrets.Of(key);
                    if (bind.StatePath is { } folder)
                        kept.Add(salts.PersistIn(folder, bind.Logger));
                }
            }
            return kept;
        }
        catch
        {
            kept.ForEach(salts => salts.Dispose());
            throw;
        }
    }

    /// <summary>https:// with a name that the certificate has, or http:// on loopback, where browsers encrypt without TLS too.</summary>
    private static string? BrowserUriOf(Bind bind)
    {
        if (bind.Service.Options is not { WebRoot: not null } options)
            return null;
        if (options.Certificate is not { } certificate)
            return $"http://localhost:{bind.Point.Endpoint.Port}/";
        var host = AdvertisedEndpoint(bind.Point.Endpoint).Host;
        var name = certificate.DnsName.FirstOrDefault(candidate => candidate.Equals(host, StringComparison.OrdinalIgnoreCase)) ?? certificate.DnsName.FirstOrDefault(candidate => !candidate.StartsWith('*'), host);
        return $"https://{new XpraEndpoint(TransportKind.Tcp, name, bind.Point.Endpoint.Port).HostAndPort}/";
    }

    /// <summary>The addresses to open in a browser, one for each bind that has pages.</summary>
    internal IReadOnlyList<string> BrowserUris => [.. _binds.Select(BrowserUriOf).OfType<string>()];

    /// <summary>The transport to name to clients: the simplest that the bind accepts.</summary>
    private static TransportKind TransportFor(Bind bind)
    {
        var options = bind.Service.Options;
        var own = bind.Point.Endpoint.Transport;
        // With others beside it, tls-psk is left to those who know of it.
        return options.Allows(own) ? own : options.Transports.FirstOrDefault(transport => transport != TransportKind.TlsPsk, TransportKind.TlsPsk);
    }

    internal static void Validate(ListenerOptions options)
    {
        if (options.Port is < 0 or > 65535)
            throw Invalid($"{options.Port} is not a port number.", "Ports run from 1 to 65535; 0 takes a free one.");
        KeyStretchingLimits.Require(options.KeySize, options.Iterations);
        if (options is { Target: not null, Routes.Count: > 0 })
            throw Invalid("A target and routes are both given.", $"Make the target a route: '{RouteName.Every}' is for every session that has no other.");
        _ = new RouteTable(options.Routes);
        foreach (var target in options.Targets)
        {
            KeyStretchingLimits.Require(target.KeySize, target.Iterations);
            if (target.Endpoint.Transport == TransportKind.NamedPipe)
                NamedPipeTransport.RequireSupport("Give the path of the server's Unix socket: -Target socket:///PATH.");
        }
        if (options is { SocketPath: not null, PipeName: not null })
            throw Invalid("A socket and a pipe are both given.", "Leave one of them out.");
        foreach (var origin in options.AllowedOrigins)
        {
            if (WebOrigin.Normalize(origin) is null)
                throw Invalid($"'{origin}' is not the origin of a web page.", "Write it as the browser does: http://localhost:8080, https://host.example.");
        }
        if (options.Key is not null && options.Modes.Count == 0)
            throw Invalid("No AES mode is given.", "Give at least one: every version of xpra has CBC.");
        if (options.ProxyProtocol != ProxyProtocol.Off && options.TrustedSources.Count == 0 && options.SocketPath is null)
            throw Invalid("The PROXY protocol is on, but no source is trusted to use it.", "Give the proxy's address with -TrustedSource.");
        if (options.ProxyProtocol != ProxyProtocol.Off && options.PipeName is not null)
            throw Invalid("No proxy connects to a named pipe.", "Omit the PROXY protocol.");
        RequireCertificateToFit(options);
        RequirePagesToBePublic(options);
        foreach (var key in KeysOf(options))
        {
            if (key.Data.IsEmpty)
                throw new XpraAesException(XpraErrorId.KeyFileEmpty, "The key holds no data.", "Make one with New-XpraAesKey.");
        }
        // They fail here if they were disposed of, and not once they are half copied.
        _ = options.Password?.Length;
        options.Certificate?.Clone().Dispose();
        if (options.OtherKeys.Count > 0 && !options.EncryptFirstPacket && !options.IsSealedOnly)
            throw Invalid("A listener cannot tell which key a client has before it encrypts to it.", "Give each key a bind of its own, or encrypt the first packet on both sides.");
        if (options.Key is null)
            RequireSafeWithoutKey(options);
    }

    /// <summary>Every route of a bind names one that there is, so that a typing error does not go unnoticed.</summary>
    private static void RequireKnownBinds(IReadOnlyList<(IListeningPoint Point, ListenerOptions Options)> binds)
    {
        var addresses = binds.Select(bind => bind.Point.Address).ToArray();
        if (binds.SelectMany(bind => bind.Options.Routes).Where(route => route.Parsed.Kind == RouteOwner.Bind).Select(route => route.Parsed.Owner).Except(addresses).FirstOrDefault() is { } unknown)
            throw Invalid($"A route is for the bind {unknown}, on which the listener does not listen.", $"It listens on {string.Join(", ", addresses)}.");
    }

    /// <summary>The keys of clients and of targets.</summary>
    private static IEnumerable<XpraKey> KeysOf(ListenerOptions options) => options.OtherKeys.Append(options.Key).OfType<XpraKey>().Concat(options.Targets.SelectMany(target => target.Keys));

    private static void RequireCertificateToFit(ListenerOptions options)
    {
        var isNamed = options.Transports.Any(transport => transport is TransportKind.Tls or TransportKind.WebSocketTls);
        if (isNamed && options.Certificate is null)
            throw Invalid("Tls and WebSocketTls need a certificate.", "Give -Certificate (ssl-cert= in bind options), or leave them out of -Transport.");
        if (options.Certificate is not null && !isNamed && options.Transports.Count > 0)
            throw Invalid("There is a certificate, but no client may come by TLS with it.", "Add Tls and WebSocketTls to -Transport, or omit the certificate.");
    }

    /// <summary>The folder of the pages has a page, and none of the listener's secrets: everyone can read what is in it.</summary>
    private static void RequirePagesToBePublic(ListenerOptions options)
    {
        if (options.WebRoot is not { } root)
            return;
        if (!File.Exists(Path.Combine(root, "index.html")))
            throw new XpraAesException(XpraErrorId.InvalidOption, $"There is no index.html in {root}.", "Give the folder with the browser client's files, such as /usr/share/xpra/www.") { Target = root };
        var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)) + Path.DirectorySeparatorChar;
        foreach (var secret in KeysOf(options).Select(key => key.Path).Append(options.Certificate?.Path).Append(options.StatePath))
        {
            if (secret is not null && Path.GetFullPath(secret).StartsWith(folder, StringComparison.Ordinal))
                throw new XpraAesException(XpraErrorId.InvalidOption, $"{secret} is in the folder of the pages, which everyone can read.", "Move it elsewhere, and replace it: it may have been read.") { Target = secret };
        }
    }

    /// <summary>Fail closed: a listener without a key is allowed only as the local end of an encrypted connection.</summary>
    private static void RequireSafeWithoutKey(ListenerOptions options)
    {
        if (options.Routes.Count > 0)
            throw Invalid("Without a key, sessions have no routes: nobody proves anything.", "Give a key, or a single target.");
        if (options.Target is not { Keys.Count: > 0 })
            throw Invalid("Without a key, clients are unencrypted, which is allowed only in front of a target over AES.", "Give a key, or a target with encryption= and a key.");
        if (options.ProxyProtocol != ProxyProtocol.Off)
            throw Invalid("Without a key, whoever reaches the proxy would get in without proving anything.", "Give a key, or omit the PROXY protocol.");
        if (!options.IsPrivate && !IPAddress.IsLoopback(options.Address))
            throw Invalid($"Without a key, clients are unencrypted, and {options.Address} is not a loopback address.", "Use a Unix socket, a named pipe, or loopback.");
        if (options.Certificate is not null)
            throw Invalid("Without a key, TLS clients would get in without proving anything.", "Give a key, or omit the certificate.");
        if (options.WebRoot is not null)
            throw Invalid("Without a key, there is nothing for a browser to type.", "Give a key, or omit the pages.");
        if (options.AllowedOrigins.Count > 0)
            throw Invalid("Without a key, every web page that is allowed could use the session.", "Omit the origins.");
        if (options.EncryptFirstPacket || options.OtherKeys.Count > 0)
            throw Invalid("Without a key, the first packet cannot be encrypted.", "Give a key.");
    }

    private static XpraAesException Invalid(string message, string action) => new(XpraErrorId.InvalidOption, message, action);

    private async Task AcceptAsync(Bind bind)
    {
        await foreach (var client in bind.Point.AcceptAllAsync(_options.Logger, () => !_isClosed, _stopping.Token).ConfigureAwait(false))
        {
            if (IsLowOnDescriptors(client))
                Reject(client);
            // Others do not wait for the header, without which it is not known whose place to take.
            else if (bind.Service.Options is { ProxyProtocol: not ProxyProtocol.Off } options && options.Trusts(client.Source))
                _ = ServeAsync(client, null, bind, options);
            // While this waits for a slot, the clients behind it in the backlog wait too.
            else if (await AcquireSlotAsync(client).ConfigureAwait(false) is { } slot)
                _ = ServeAsync(client, slot, bind);
        }
    }

    /// <summary>A place for the client; null if it was rejected.</summary>
    private async ValueTask<SourceGuard.Slot?> AcquireSlotAsync(AcceptedClient client)
    {
        var slot = await Guard.AcquireAsync(client.Source, client.IsAnnounced).ConfigureAwait(false);
        if (slot is not null)
            return slot;
        if (Guard.TryReportRejection(client.Source) is { } rejected)
            Log.SourceCrowded(_options.Logger, rejected, _options.Limits.FailureWindow);
        Reject(client);
        return null;
    }

    private void Reject(AcceptedClient client)
    {
        Counters.Refuse(XpraErrorId.LimitReached);
        client.Dispose();
    }

    /// <summary>Serves a client in the background, so that the accept loop continues. Without a slot it is the client of a proxy, whose own address limits it instead of the proxy's.</summary>
    private async Task ServeAsync(AcceptedClient client, SourceGuard.Slot? slot, Bind bind, ListenerOptions? proxied = null)
    {
        Interlocked.Increment(ref _serving);
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            slot ??= await AcquireProxiedSlotAsync(client, proxied!).ConfigureAwait(false);
            using (slot)
            {
                if (slot is not null)
                    await bind.AddUser().ServeAsync(client, slot, _stopping.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            // None comes any more once it is stopping.
            if (Interlocked.Decrement(ref _serving) == 0 && _stopping.IsCancellationRequested)
                _served.TrySetResult();
        }
    }

    private async Task<SourceGuard.Slot?> AcquireProxiedSlotAsync(AcceptedClient client, ListenerOptions options)
        => await TryReadHeaderAsync(client, options).ConfigureAwait(false) ? await AcquireSlotAsync(client).ConfigureAwait(false) : null;

    private async Task<bool> TryReadHeaderAsync(AcceptedClient client, ListenerOptions options)
    {
        var peer = "unknown";
        try
        {
            peer = client.Peer;
            if (await client.ReadHeaderAsync(options.ProxyProtocol == ProxyProtocol.Required, options.Limits.HandshakeTimeout, _stopping.Token).ConfigureAwait(false))
                return true;
        }
        catch (XpraAesException e)
        {
            using var log = LogThrottle.Connect(options.Logger, client.Source);
            Refuse(peer, e, log);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException or IOException)
        {
            // A health check that resets its connection.
        }
        client.Dispose();
        return false;
    }

    /// <summary>The system assigns the lowest free descriptor, so the newest one's number shows how many are in use.</summary>
    private bool IsLowOnDescriptors(AcceptedClient client)
    {
        var isLow = client.Descriptor > _lastDescriptor;
        if (isLow && !_descriptorsAreLow)
            Log.DescriptorsLow(_options.Logger, Endpoint);
        _descriptorsAreLow = isLow;
        return isLow;
    }

    /// <summary>One address and port, and the configuration for its new clients.</summary>
    private sealed class Bind(IListeningPoint point, ClientService service)
    {
        private ClientService _service = service;

        public IListeningPoint Point => point;

        public ClientService Service => Volatile.Read(ref _service);

        /// <summary>The current configuration, with a client added. Ends, because the current one is never retired while the listener accepts.</summary>
        public ClientService AddUser()
        {
            while (true)
            {
                var service = Service;
                if (service.TryAddUser())
                    return service;
            }
        }

        public void Replace(ClientService next) => Interlocked.Exchange(ref _service, next).Release();
    }
}
