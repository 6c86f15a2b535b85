using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Keys;
using XpraAes.Listening;

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
    private Task _accepting = Task.CompletedTask;
    private int _state;

    private AesListener(IReadOnlyList<(Socket Socket, ListenerOptions Options)> binds)
    {
        _options = binds[0].Options;
        Id = LiveObjects.NextId();
        var trusted = binds.SelectMany(bind => bind.Options.TrustedSources).ToArray();
        Guard = new SourceGuard(_options.Limits, address => Array.Exists(trusted, network => network.Contains(address)), TimeProvider.System);
        Derivations = new DerivationGate(_options.Limits.ConcurrentDerivations);
        _binds = [.. binds.Select(bind => new Bind(bind.Socket, new ClientService(this, bind.Options)))];
    }

    /// <summary>Raised when a client's session stands, from a thread of the pool.</summary>
    public event EventHandler<ListenerEventArgs>? ConnectionOpened;

    /// <summary>Raised when a session has ended, from a thread of the pool.</summary>
    public event EventHandler<ListenerEventArgs>? ConnectionClosed;

    /// <summary>Raised when a client was refused or lost before it was let in, from a thread of the pool.</summary>
    public event EventHandler<ListenerEventArgs>? HandshakeFailed;

    /// <summary>A number of its own in this process.</summary>
    public int Id { get; }

    /// <summary>The address and port that it listens on; of several binds the first.</summary>
    public string Endpoint => AddressText.Of(First.LocalEndPoint);

    // What scripts see as a list is an array inside: PowerShell has no index into the read-only lists that the compiler makes.

    /// <summary>Every address and port that it listens on.</summary>
    public IReadOnlyList<string> Endpoints => (string[])[.. _binds.Select(bind => AddressText.Of(bind.LocalEndPoint))];

    /// <summary>The port that it listens on; of several binds the first.</summary>
    public int Port => First.LocalEndPoint.Port;

    /// <summary>The AES modes that it lets in; of several binds the first's.</summary>
    public AesMode[] Mode => First.Service.Options.Modes is { Count: > 0 } modes ? [.. modes.Distinct()] : Enum.GetValues<AesMode>();

    /// <summary>Where the key data came from; of several binds the first's.</summary>
    public KeySource KeySource => First.Service.KeySource;

    /// <summary>The fingerprint of the key data; of several binds the first's.</summary>
    public string KeyFingerprint => First.Service.KeyFingerprint;

    /// <summary>Where sessions are passed on to; null: it answers by itself.</summary>
    public string? Target => First.Service.Options.Target?.ToString();

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
    public long BytesIn => Counters.BytesIn;

    /// <summary>Bytes sent so far, of all its connections.</summary>
    public long BytesOut => Counters.BytesOut;

    /// <summary>The URI for a client on another machine, with <c>keyfile=</c> but never with key data: <c>xpra attach URI</c>. Where it listens on every address the host is this machine's name.</summary>
    public string AttachUri
    {
        get
        {
            return XpraUri.Build(ForClients(First.LocalEndPoint), Mode[0], First.Service.KeyPath ?? "key.txt");
        }
    }

    /// <summary>Completes when the listener has stopped.</summary>
    public Task Completion => _stopped.Task;

    /// <summary>Clients being served, whatever they have come to: what must be none when all are gone.</summary>
    internal int Serving => _serving.Count;

    internal ListenerCounters Counters { get; } = new();

    internal SourceGuard Guard { get; }

    internal DerivationGate Derivations { get; }

    /// <summary>The configuration of the first bind.</summary>
    internal ListenerOptions Options => First.Service.Options;

    /// <summary>Every address it listens on, with the configuration of clients there.</summary>
    internal IReadOnlyList<(IPEndPoint EndPoint, ListenerOptions Options)> Binds => [.. _binds.Select(bind => (bind.LocalEndPoint, bind.Service.Options))];

    private Bind First => _binds[0];

    /// <summary>Binds the port and starts to listen; with further options on further ports, each with its own key.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption, IterationsRejected, KeyFileEmpty. Then nothing listens.</exception>
    public static AesListener Start(ListenerOptions options, params ListenerOptions[] more)
    {
        var sockets = new List<(Socket, ListenerOptions)>();
        try
        {
            foreach (var bind in more.Prepend(options))
            {
                Validate(bind);
                sockets.Add((Listen(bind), bind));
            }
        }
        catch
        {
            foreach (var (socket, _) in sockets)
                socket.Dispose();
            throw;
        }
        var listener = new AesListener(sockets);
        LiveObjects.Add(listener);
        Log.Listening(options.Logger, string.Join(", ", listener.Endpoints), string.Join(",", listener.Mode), listener.KeyFingerprint);
        listener._accepting = Task.WhenAll(listener._binds.Select(bind => Task.Run(() => listener.AcceptAsync(bind))));
        return listener;
    }

    /// <summary>Changes key, modes, password or target for the connections to come; those that stand keep theirs. Address, port and limits stay.</summary>
    /// <exception cref="XpraAesException">InvalidOption, IterationsRejected, KeyFileEmpty; then nothing has changed. Closed where it is stopped.</exception>
    public void Reconfigure(Func<ListenerOptions, ListenerOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (State != ListenerState.Listening)
            throw new XpraAesException(XpraErrorId.Closed, $"The listener {Id} is stopped.");
        var options = change(Options);
        Validate(options);
        First.Exchange(new ClientService(this, options));
        Log.Listening(options.Logger, Endpoint, string.Join(",", Mode), KeyFingerprint);
    }

    /// <summary>Accepts no more, tells every client that the server exits, and frees the ports. Sessions that do not end within the grace period are cut.</summary>
    public async Task StopAsync(TimeSpan grace)
    {
        if (Interlocked.CompareExchange(ref _state, (int)ListenerState.Stopping, (int)ListenerState.Listening) == (int)ListenerState.Listening)
        {
            foreach (var bind in _binds)
                bind.Socket.Dispose();
            await _accepting.ConfigureAwait(false);
            var endings = Connections.Select(connection => connection.CloseAsync("server exit"));
            await Task.WhenAny(Task.WhenAll(endings), Task.Delay(grace)).ConfigureAwait(false);
            await _stopping.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_serving.Keys).ConfigureAwait(false);
            Interlocked.Exchange(ref _state, (int)ListenerState.Stopped);
            LiveObjects.Remove(this);
            foreach (var bind in _binds)
                bind.Service.Retire();
            Derivations.Dispose();
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
    internal static XpraEndpoint ForClients(IPEndPoint endPoint)
    {
        var address = AddressText.Unmap(endPoint.Address);
        var host = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? Environment.MachineName : address.ToString();
        return new XpraEndpoint(TransportKind.Tcp, host, endPoint.Port);
    }

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

    internal void Refuse(string peer, XpraAesException cause)
    {
        Counters.Refuse(cause.Id);
        Log.PeerRefused(_options.Logger, peer, cause.Id, cause.Message);
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

    private static void Validate(ListenerOptions options)
    {
        if (options.Port is < 0 or > 65535)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"There is no port {options.Port}.", "Ports run from 1 to 65535; 0 takes a free one.");
        OptionChecks.Require(options.KeySize, options.Iterations);
        if (options.Target is { } target)
            OptionChecks.Require(target.KeySize, target.Iterations);
        if (options.Key.Data.IsEmpty)
            throw new XpraAesException(XpraErrorId.KeyFileEmpty, "The key holds no data.", "Make one with New-XpraAesKey.");
    }

    private static Socket Listen(ListenerOptions options)
    {
        var socket = new Socket(options.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (options.Address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(options.Address, options.Port));
            socket.Listen(options.Limits.Backlog);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw Explain(e, options);
        }
    }

    private static XpraAesException Explain(SocketException e, ListenerOptions options)
    {
        var target = new IPEndPoint(options.Address, options.Port).ToString();
        return e.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => new XpraAesException(XpraErrorId.PortInUse, $"Another program listens on {target}.",
                "Choose another -Port, or stop the other program (ss -ltnp shows it).", e) { Target = target },
            SocketError.AccessDenied => new XpraAesException(XpraErrorId.AddressUnavailable, $"This user may not listen on {target}.",
                "Choose a port above 1023.", e) { Target = target },
            _ => new XpraAesException(XpraErrorId.AddressUnavailable, $"Cannot listen on {target} ({e.SocketErrorCode}).",
                "-BindAddress takes an address of this machine's, Loopback, Any or IPv6Any.", e) { Target = target },
        };
    }

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
            Serve(client, bind.Service);
        }
    }

    /// <summary>Never waits: the accept loop goes on at once.</summary>
    private void Serve(Socket client, ClientService service)
    {
        if (Guard.TryEnter(AddressText.SourceOf(client)) is not { } slot)
        {
            Counters.Refuse(XpraErrorId.LimitReached);
            client.Dispose();
            return;
        }
        var serving = Task.Run(() => service.ServeAsync(client, slot, _stopping.Token));
        _serving[serving] = 0;
        _ = serving.ContinueWith(done =>
        {
            slot.Dispose();
            _serving.TryRemove(done, out _);
        }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>One address and port, and the configuration that new clients there come in under.</summary>
    private sealed class Bind(Socket socket, ClientService service)
    {
        private ClientService _service = service;

        public Socket Socket => socket;

        public ClientService Service => Volatile.Read(ref _service);

        // Kept, since a closed socket no longer tells.
        public IPEndPoint LocalEndPoint { get; } = (IPEndPoint)socket.LocalEndPoint!;

        public void Exchange(ClientService next) => Interlocked.Exchange(ref _service, next).Retire();
    }
}
