using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes;

/// <summary>Listens on TCP ports for xpra clients that encrypt with AES, and serves their sessions in the background until it is stopped.</summary>
public sealed class AesListener : IAsyncDisposable
{
    /// <summary>After a failure to accept, such as no file descriptors left, so that the loop does not spin; arbitrary.</summary>
    private static readonly TimeSpan s_acceptPause = TimeSpan.FromMilliseconds(100);

    private readonly Bind[] _binds;
    private readonly ListenerOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Task, byte> _serving = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IDisposable> _salts = []; // until it stops: sessions of a key that was exchanged prove it later
    private readonly long _lastDescriptor;
    private bool _descriptorsAreLow;
    private Task _accepting = Task.CompletedTask;
    private int _state;

    private AesListener(IReadOnlyList<(ListeningSocket Socket, ListenerOptions Options)> binds)
    {
        _options = binds[0].Options;
        Id = LiveRegistry.NextId();
        var trusted = binds.SelectMany(bind => bind.Options.TrustedSources).ToArray();
        // A Unix socket's clients have no address: its file's mode says who may come in.
        bool IsTrusted(IPAddress address) => address.Equals(IPAddress.None) || Array.Exists(trusted, network => network.Contains(address));
        Guard = new SourceGuard(_options.Limits, IsTrusted, _options.Clock);
        Derivations = new DerivationGate(_options.Limits.ConcurrentDerivations, _options.Limits.WaitingDerivations, IsTrusted, _options.Limits.RememberedSources, _options.Clock);
        _lastDescriptor = FileDescriptors.Limit - _options.Limits.ReservedDescriptors;
        Counters = new ListenerCounters(binds[0].Socket.Address);
        LogThrottle = new LogThrottle(_options.Logger, _options.Clock);
        _binds = [.. binds.Select(bind => new Bind(bind.Socket, new ClientService(this, bind.Socket.Endpoint, bind.Options)))];
    }

    /// <summary>Raised when a client's session stands, from a thread of the pool.</summary>
    public event EventHandler<ListenerEventArgs>? ConnectionOpened;

    /// <summary>Raised when a session has ended, from a thread of the pool.</summary>
    public event EventHandler<ListenerEventArgs>? ConnectionClosed;

    /// <summary>Raised when a client was refused or lost before it was let in, from a thread of the pool.</summary>
    public event EventHandler<ListenerEventArgs>? HandshakeFailed;

    /// <summary>A number of its own in this process.</summary>
    public int Id { get; }

    /// <summary>The address and port, or the Unix socket, that it listens on; of several binds the first.</summary>
    public string Endpoint => First.Socket.Address;

    // What scripts see as a list is an array inside: PowerShell has no index into the read-only lists that the compiler makes.

    /// <summary>Everything that it listens on.</summary>
    public IReadOnlyList<string> Endpoints => (string[])[.. _binds.Select(bind => bind.Socket.Address)];

    /// <summary>The port that it listens on, 0 for a Unix socket; of several binds the first.</summary>
    public int Port => First.Socket.Endpoint.Port;

    /// <summary>The AES modes that it lets in, none where clients come in clear; of several binds the first's.</summary>
    public AesMode[] Mode => Options switch
    {
        { Key: null } => [],
        { Modes: var modes } => [.. modes.Distinct()],
    };

    /// <summary>Where the key data came from, null where clients come in clear; of several binds the first's.</summary>
    public KeySource? KeySource => Options.Key?.KeySource;

    /// <summary>The fingerprint of the key data, null where clients come in clear; of several binds the first's.</summary>
    public string? KeyFingerprint => Options.Key?.Fingerprint;

    /// <summary>The fingerprints of each bind's key data, in the order of <see cref="Endpoints"/>; null where clients come in clear.</summary>
    public IReadOnlyList<string?> KeyFingerprints => (string?[])[.. _binds.Select(bind => bind.Service.Options.Key?.Fingerprint)];

    /// <summary>Where sessions are passed on to; null: it answers by itself.</summary>
    public string? Target => Options.Target?.ToString();

    /// <summary>How far it is.</summary>
    public ListenerState State => (ListenerState)Volatile.Read(ref _state);

    /// <summary>The sessions that stand.</summary>
    public IReadOnlyList<XpraConnection> Connections => Counters.Connections;

    /// <summary>Clients let in so far, for a session or a request.</summary>
    public long Accepted => Counters.Accepted;

    /// <summary>Clients refused or lost before they were let in.</summary>
    public long Rejected => Counters.Rejected;

    /// <summary>How often each cause led to a refusal.</summary>
    public IReadOnlyDictionary<XpraErrorId, long> Refusals => Counters.Refusals;

    /// <summary>Bytes received so far, of all its connections.</summary>
    public long BytesIn => Counters.Total.BytesIn;

    /// <summary>Bytes sent so far, of all its connections.</summary>
    public long BytesOut => Counters.Total.BytesOut;

    /// <summary>Packets received so far, of all its connections.</summary>
    public long PacketsIn => Counters.Total.PacketsIn;

    /// <summary>Packets sent so far, of all its connections.</summary>
    public long PacketsOut => Counters.Total.PacketsOut;

    /// <summary>The URI for a client, with <c>keyfile=</c> but never with key data: <c>xpra attach URI</c>. Where it listens on every address the host is this machine's name.</summary>
    public string AttachUri
    {
        get
        {
            var endpoint = ForClients(First.Socket.Endpoint);
            return Options.Key is { } key ? XpraUri.Build(endpoint, Mode[0], key.Path ?? "key.txt") : endpoint.ToString();
        }
    }

    /// <summary>Completes when the listener has stopped.</summary>
    public Task Completion => _stopped.Task;

    /// <summary>Clients being served, whatever they have come to: what must be none when all are gone.</summary>
    internal int Serving => _serving.Count;

    internal ListenerCounters Counters { get; }

    internal SourceGuard Guard { get; }

    internal DerivationGate Derivations { get; }

    internal LogThrottle LogThrottle { get; }

    /// <summary>The configuration of the first bind.</summary>
    internal ListenerOptions Options => First.Service.Options;

    /// <summary>Every address it listens on, with the configuration of clients there.</summary>
    internal IReadOnlyList<(XpraEndpoint Endpoint, ListenerOptions Options)> Binds => [.. _binds.Select(bind => (bind.Socket.Endpoint, bind.Service.Options))];

    private Bind First => _binds[0];

    /// <summary>Binds the port and starts to listen; with further options on further ports, each with its own key.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption, IterationsRejected, KeyFileEmpty, StateUnusable, StateInUse. Then nothing listens.</exception>
    public static AesListener Start(ListenerOptions options, params ListenerOptions[] more)
    {
        ArgumentNullException.ThrowIfNull(options);
        var sockets = new List<(ListeningSocket, ListenerOptions)>();
        List<IDisposable> salts;
        try
        {
            foreach (var bind in more.Prepend(options))
            {
                Validate(bind);
                sockets.Add((Listen(bind), bind));
            }
            salts = KeepSalts(more.Prepend(options));
        }
        catch
        {
            foreach (var (socket, _) in sockets)
                socket.Dispose();
            throw;
        }
        var listener = new AesListener(sockets);
        listener._salts.AddRange(salts);
        LiveRegistry<AesListener>.Add(listener.Id, listener);
        listener.LogListening();
        listener._accepting = Task.WhenAll(listener._binds.Select(bind => Task.Run(() => listener.AcceptAsync(bind))));
        return listener;
    }

    /// <summary>Changes key, modes, password or target for the connections to come; those that stand keep theirs. Address, port and limits stay.</summary>
    /// <param name="change">Makes the new options of the old.</param>
    /// <param name="endpoint">One of <see cref="Endpoints"/>; null for all of them.</param>
    /// <exception cref="XpraAesException">InvalidOption, IterationsRejected, KeyFileEmpty, NotFound for an endpoint that it does not have; then nothing has changed. Closed where it is stopped.</exception>
    public void Reconfigure(Func<ListenerOptions, ListenerOptions> change, string? endpoint = null)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (_binds)
        {
            if (State != ListenerState.Listening)
                throw new XpraAesException(XpraErrorId.Closed, $"The listener {Id} is stopped.");
            var changes = _binds.Where(bind => endpoint is null || bind.Socket.Address == endpoint).Select(bind => (Bind: bind, Options: change(bind.Service.Options))).ToArray();
            if (changes.Length == 0)
                throw new XpraAesException(XpraErrorId.NotFound, $"The listener {Id} does not listen on {endpoint}.", $"It listens on {string.Join(", ", Endpoints)}.");
            foreach (var (_, options) in changes)
                Validate(options);
            _salts.AddRange(KeepSalts(changes.Select(change => change.Options)));
            foreach (var (bind, options) in changes)
                bind.Exchange(new ClientService(this, bind.Socket.Endpoint, options));
        }
        LogListening();
    }

    /// <summary>
    /// Accepts no more and frees the ports; lets what is under way arrive, and tells every client that the server exits. Sessions
    /// that have not ended within the grace period are cut.
    /// </summary>
    public async Task StopAsync(TimeSpan grace)
    {
        if (Interlocked.CompareExchange(ref _state, (int)ListenerState.Stopping, (int)ListenerState.Listening) == (int)ListenerState.Listening)
        {
            foreach (var bind in _binds)
                bind.Socket.Dispose();
            await _accepting.ConfigureAwait(false);
            await Task.WhenAll(Connections.Select(connection => connection.CloseAsync("server exit", grace))).ConfigureAwait(false);
            await _stopping.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_serving.Keys).ConfigureAwait(false);
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
        await _stopped.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(_options.Limits.CloseGrace).ConfigureAwait(false);

    /// <summary>For example <c>1 127.0.0.1:10000 Listening</c>.</summary>
    public override string ToString() => $"{Id} {Endpoint} {State}";

    /// <summary>Where clients on other machines reach this address: where it is every address, under this machine's name.</summary>
    internal static XpraEndpoint ForClients(XpraEndpoint endpoint)
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

    /// <summary>A handler's failure is its own: it must neither end a session nor keep the listener from stopping.</summary>
    private void Raise(EventHandler<ListenerEventArgs>? handlers, ListenerEventArgs what)
    {
        try
        {
            handlers?.Invoke(this, what);
        }
        catch (Exception e)
        {
            Log.HandlerFailed(_options.Logger, Endpoint, e);
        }
    }

    private static ListeningSocket Listen(ListenerOptions options) => options.SocketPath is { } path
        ? UnixTransport.Listen(path, options.Limits.Backlog)
        : TcpTransport.Listen(options.Address, options.Port, options.Limits.Backlog);

    private void LogListening()
        => Log.Listening(_options.Logger, string.Join(", ", Endpoints), string.Join(",", Mode), KeyFingerprint ?? "none");

    /// <summary>Makes the memory of each key's salts, so that no client waits for it, and keeps it on disk where that is asked for.</summary>
    private static List<IDisposable> KeepSalts(IEnumerable<ListenerOptions> binds)
    {
        var kept = new List<IDisposable>();
        try
        {
            foreach (var bind in binds)
            {
                foreach (var key in bind.OtherKeys.Append(bind.Key).OfType<XpraKey>())
                {
                    var salts = SaltMemory.Of(key);
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

    private static void Validate(ListenerOptions options)
    {
        if (options.Port is < 0 or > 65535)
            throw Invalid($"There is no port {options.Port}.", "Ports run from 1 to 65535; 0 takes a free one.");
        KeyStretchingLimits.Require(options.KeySize, options.Iterations);
        if (options.Target is { } target)
            KeyStretchingLimits.Require(target.KeySize, target.Iterations);
        foreach (var origin in options.AllowedOrigins)
        {
            if (WebOrigin.Normalize(origin) is null)
                throw Invalid($"'{origin}' is no origin of a page.", "Write it as the browser does: http://localhost:8080, https://host.example.");
        }
        if (options.Key is not null && options.Modes.Count == 0)
            throw Invalid("No AES mode is to be let in.", "Give one or several: CBC is in every version of xpra.");
        foreach (var key in options.OtherKeys.Append(options.Key).Concat(options.Target?.Keys ?? []))
        {
            if (key is { Data.IsEmpty: true })
                throw new XpraAesException(XpraErrorId.KeyFileEmpty, "The key holds no data.", "Make one with New-XpraAesKey.");
        }
        if (options.OtherKeys.Count > 0 && !options.EncryptFirstPacket)
            throw Invalid("A listener cannot tell which key a client has before it encrypts to it.", "Give each key a bind of its own, or encrypt the first packet on both sides.");
        if (options.Key is null)
            RequireSafeInClear(options);
    }

    /// <summary>Fail closed: without a key it is the local end of a connection that is encrypted from here on, or nothing.</summary>
    private static void RequireSafeInClear(ListenerOptions options)
    {
        if (options.Target is not { Keys.Count: > 0 })
            throw Invalid("Without a key clients come in clear, which is allowed only in front of a target over AES.", "Give a key, or a target with encryption= and a key.");
        if (options.SocketPath is null && !IPAddress.IsLoopback(options.Address))
            throw Invalid($"Without a key clients come in clear, and {options.Address} is not loopback.", "Use a Unix socket, or loopback.");
        if (options.AllowedOrigins.Count > 0)
            throw Invalid("Without a key every page that is let in could use the session.", "Leave the origins out.");
        if (options.EncryptFirstPacket || options.OtherKeys.Count > 0)
            throw Invalid("Without a key no first packet can be encrypted.", "Give a key.");
    }

    private static XpraAesException Invalid(string message, string action) => new(XpraErrorId.InvalidOption, message, action);

    private async Task AcceptAsync(Bind bind)
    {
        while (State == ListenerState.Listening)
        {
            Socket client;
            try
            {
                client = await bind.Socket.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException || State != ListenerState.Listening)
            {
                return;
            }
            catch (SocketException e)
            {
                Log.AcceptFailed(_options.Logger, Endpoint, e);
                await Task.Delay(s_acceptPause).ConfigureAwait(false);
                continue;
            }
            // Who comes behind one that must wait for a place would have to wait too.
            if (LacksDescriptors(client) || await EnterAsync(AddressText.SourceOf(client)).ConfigureAwait(false) is not { } slot)
            {
                Counters.Refuse(XpraErrorId.LimitReached);
                client.Dispose();
                continue;
            }
            Serve(client, slot, bind);
        }
    }

    private async ValueTask<SourceGuard.Slot?> EnterAsync(IPAddress source)
    {
        var slot = await Guard.AcquireAsync(source).ConfigureAwait(false);
        if (slot is null && Guard.TryReportRejection(source) is { } rejected)
            Log.SourceCrowded(_options.Logger, rejected, _options.Limits.FailureWindow);
        return slot;
    }

    /// <summary>Never waits: the accept loop goes on at once.</summary>
    private void Serve(Socket client, SourceGuard.Slot slot, Bind bind)
    {
        var service = bind.Enter();
        var serving = Task.Run(() => service.ServeAsync(client, slot, _stopping.Token));
        _serving[serving] = 0;
        _ = serving.ContinueWith(done =>
        {
            slot.Dispose();
            _serving.TryRemove(done, out _);
        }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Descriptors are given out from the lowest on: the number of the newest tells how many are in use.</summary>
    private bool LacksDescriptors(Socket client)
    {
        var isLow = client.SafeHandle.DangerousGetHandle() > _lastDescriptor;
        if (isLow && !_descriptorsAreLow)
            Log.DescriptorsLow(_options.Logger, Endpoint);
        _descriptorsAreLow = isLow;
        return isLow;
    }

    /// <summary>One address and port, and the configuration that new clients there come in under.</summary>
    private sealed class Bind(ListeningSocket socket, ClientService service)
    {
        private ClientService _service = service;

        public ListeningSocket Socket => socket;

        public ClientService Service => Volatile.Read(ref _service);

        /// <summary>The configuration for one more client. While the listener accepts, one is always in use.</summary>
        public ClientService Enter()
        {
            while (true)
            {
                var service = Service;
                if (service.TryAddUser())
                    return service;
            }
        }

        public void Exchange(ClientService next) => Interlocked.Exchange(ref _service, next).Release();
    }
}
