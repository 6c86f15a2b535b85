using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Keys;
using XpraAes.Listening;

namespace XpraAes;

/// <summary>Listens on a TCP port for xpra clients that encrypt with AES, and serves their sessions in the background until it is stopped.</summary>
public sealed class AesListener : IAsyncDisposable
{
    /// <summary>After a failure to accept, such as no file descriptors left, so that the loop does not spin; arbitrary.</summary>
    private static readonly TimeSpan s_acceptPause = TimeSpan.FromMilliseconds(100);

    private const int Backlog = 512;

    private readonly Socket _socket;
    private readonly ListenerOptions _options;
    private readonly XpraKey _key;
    private readonly ClientService _sessions;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Task, byte> _serving = new();
    private readonly ConcurrentDictionary<IPAddress, int> _unproven = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _accepting = Task.CompletedTask;
    private int _unprovenCount;
    private int _state;

    private AesListener(Socket socket, ListenerOptions options)
    {
        _socket = socket;
        _options = options;
        _key = options.Key.Clone();
        _sessions = new ClientService(this, options, _key);
        Id = LiveObjects.NextId();
        LocalEndPoint = (IPEndPoint)socket.LocalEndPoint!;
        KeySource = _key.KeySource;
        KeyFingerprint = _key.Fingerprint;
        Mode = options.Modes.Count > 0 ? [.. options.Modes.Distinct()] : Enum.GetValues<AesMode>();
    }

    /// <summary>A number of its own in this process.</summary>
    public int Id { get; }

    /// <summary>The address and port that it listens on.</summary>
    public string Endpoint => AddressText.Of(LocalEndPoint);

    /// <summary>The port that it listens on.</summary>
    public int Port => LocalEndPoint.Port;

    /// <summary>The AES modes that it lets in.</summary>
    public AesMode[] Mode { get; }

    /// <summary>Where the key data came from.</summary>
    public KeySource KeySource { get; }

    /// <summary>The fingerprint of the key data.</summary>
    public string KeyFingerprint { get; }

    /// <summary>Where sessions are passed on to; null: it answers by itself.</summary>
    public string? Target { get; }

    /// <summary>How far it is.</summary>
    public ListenerState State => (ListenerState)Volatile.Read(ref _state);

    /// <summary>The sessions that stand.</summary>
    public IReadOnlyList<XpraConnection> Connections => _sessions.Connections;

    /// <summary>Clients let in so far, for a session or a request.</summary>
    public long Accepted => _sessions.Accepted;

    /// <summary>Clients refused or lost before they were let in.</summary>
    public long Rejected => _sessions.Rejected;

    /// <summary>Bytes received so far, of all its connections.</summary>
    public long BytesIn => _sessions.BytesIn;

    /// <summary>Bytes sent so far, of all its connections.</summary>
    public long BytesOut => _sessions.BytesOut;

    /// <summary>The URI for a client on another machine, with <c>keyfile=</c> but never with key data: <c>xpra attach URI</c>. Where it listens on every address the host is this machine's name.</summary>
    public string AttachUri
    {
        get
        {
            var address = AddressText.Unmap(LocalEndPoint.Address);
            var host = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? Environment.MachineName : address.ToString();
            return XpraUri.Build(new XpraEndpoint(TransportKind.Tcp, host, Port, null), Mode[0], _key.Path ?? "key.txt");
        }
    }

    /// <summary>Completes when the listener has stopped.</summary>
    public Task Completion => _stopped.Task;

    internal IPEndPoint LocalEndPoint { get; }

    /// <summary>Binds the port and starts to listen.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption.</exception>
    public static AesListener Start(ListenerOptions options)
    {
        Validate(options);
        var socket = new Socket(options.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        AesListener listener;
        try
        {
            if (options.Address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(options.Address, options.Port));
            socket.Listen(Backlog);
            listener = new AesListener(socket, options);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw Explain(e, options);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        LiveObjects.Add(listener);
        Log.Listening(options.Logger, listener.Endpoint, string.Join(",", listener.Mode), listener.KeyFingerprint);
        listener._accepting = Task.Run(listener.AcceptAsync);
        return listener;
    }

    /// <summary>Accepts no more, tells every client that the server exits, and frees the port. Sessions that do not end within the grace period are cut.</summary>
    public async Task StopAsync(TimeSpan grace)
    {
        if (Interlocked.CompareExchange(ref _state, (int)ListenerState.Stopping, (int)ListenerState.Listening) == (int)ListenerState.Listening)
        {
            _socket.Dispose();
            await _accepting.ConfigureAwait(false);
            var endings = Connections.Select(connection => connection.CloseAsync("server exit"));
            await Task.WhenAny(Task.WhenAll(endings), Task.Delay(grace)).ConfigureAwait(false);
            await _stopping.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_serving.Keys).ConfigureAwait(false);
            Interlocked.Exchange(ref _state, (int)ListenerState.Stopped);
            LiveObjects.Remove(this);
            _sessions.Dispose();
            _key.Dispose();
            Log.ListenerStopped(_options.Logger, Endpoint);
            _stopped.TrySetResult();
        }
        await _stopped.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(_options.Limits.CloseGrace).ConfigureAwait(false);

    /// <summary>For example <c>1 127.0.0.1:10000 Listening</c>.</summary>
    public override string ToString() => $"{Id} {Endpoint} {State}";

    private static void Validate(ListenerOptions options)
    {
        if (options.Port is < 0 or > 65535)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"There is no port {options.Port}.", "Ports run from 1 to 65535; 0 takes a free one.");
        OptionChecks.Require(options.KeySize, options.Iterations);
        if (options.Key.Data.IsEmpty)
            throw new XpraAesException(XpraErrorId.KeyFileEmpty, "The key holds no data.", "Make one with New-XpraAesKey.");
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

    private async Task AcceptAsync()
    {
        while (State == ListenerState.Listening)
        {
            Socket client;
            try
            {
                client = await _socket.AcceptAsync(_stopping.Token).ConfigureAwait(false);
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
            Serve(client);
        }
    }

    /// <summary>Never waits: the accept loop goes on at once.</summary>
    private void Serve(Socket client)
    {
        var source = (client.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        if (!TryTakeSlot(source))
        {
            _sessions.CountRejected();
            client.Dispose();
            return;
        }
        var released = 0;
        var serving = Task.Run(() => _sessions.ServeAsync(client, Release, _stopping.Token));
        _serving[serving] = 0;
        _ = serving.ContinueWith(done =>
        {
            Release();
            _serving.TryRemove(done, out _);
        }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        void Release()
        {
            if (Interlocked.Exchange(ref released, 1) == 0)
                ReleaseSlot(source);
        }
    }

    private bool TryTakeSlot(IPAddress source)
    {
        if (Interlocked.Increment(ref _unprovenCount) > _options.Limits.UnprovenConnections)
        {
            Interlocked.Decrement(ref _unprovenCount);
            return false;
        }
        if (_unproven.AddOrUpdate(source, 1, (_, count) => count + 1) > _options.Limits.UnprovenConnectionsPerSource)
        {
            ReleaseSlot(source);
            return false;
        }
        return true;
    }

    private void ReleaseSlot(IPAddress source)
    {
        Interlocked.Decrement(ref _unprovenCount);
        if (_unproven.AddOrUpdate(source, 0, (_, count) => count - 1) <= 0)
            _unproven.TryRemove(new KeyValuePair<IPAddress, int>(source, 0));
    }
}
