using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>Serves the clients that connect under one configuration of a listener, each from its first byte to its last.</summary>
internal sealed class ClientService
{
    private const string EvictedReason = "It had not proven that it holds the key, and was evicted for another client.";

    private readonly AesListener _listener;
    private readonly XpraEndpoint _endpoint;
    private readonly string _bind; // as in AesListener.Endpoints
    private readonly string _uri; // of the endpoint
    private readonly Responder _responder;
    private readonly XpraKey[] _keys;
    private readonly AcceptOptions _accepts;
    private readonly RouteTable? _routes; // null without a target
    private readonly GatewayOptions? _gateway;
    private int _users = 1; // the listener itself, until it retires this configuration

    public ClientService(AesListener listener, IListeningPoint point, ListenerOptions options)
    {
        _listener = listener;
        _endpoint = point.Endpoint;
        _bind = point.Address;
        _uri = _endpoint.ToString();
        _responder = new Responder(listener);
        // Copied, because the caller may dispose of its secrets.
        _keys = options.Key is null ? [] : [.. options.OtherKeys.Prepend(options.Key).Select(key => key.Clone())];
        var certificate = options.Certificate?.Clone();
        _accepts = new AcceptOptions { Transports = options.Transports, Keys = _keys, Origins = options.AllowedOrigins, Certificate = certificate, Pages = options.WebRoot is null ? null : new WebPages(options, _endpoint.Port, certificate), Timeout = options.Limits.HandshakeTimeout };
        Options = options with
        {
            Key = _keys.FirstOrDefault(),
            OtherKeys = [.. _keys.Skip(1)],
            Password = options.Password?.Clone(),
            Certificate = certificate,
            Target = options.Target is { } target ? Copy(target) : null,
            Routes = [.. options.Routes.Select(route => route with { Targets = [.. route.Targets.Select(Copy)] })],
        };
        if (!options.IsGateway)
            return;
        _routes = new RouteTable(Options.AllRoutes);
        _gateway = Options.Gateway(listener.Health, challenges: options.Password is not null || _routes.DependsOnHello);
    }

    public ListenerOptions Options { get; }

    /// <summary>Retires this configuration: its keys are disposed of when the last handshake has ended.</summary>
    public void Release() => RemoveUser();

    /// <summary>Adds a client. False: this configuration is retired and its keys are disposed of.</summary>
    public bool TryAddUser()
    {
        while (true)
        {
            var users = Volatile.Read(ref _users);
            if (users == 0)
                return false;
            if (Interlocked.CompareExchange(ref _users, users + 1, users) == users)
                return true;
        }
    }

    /// <summary>Serves one client added by <see cref="TryAddUser"/> until its connection is closed. Never throws.</summary>
    public async Task ServeAsync(AcceptedClient client, SourceGuard.Slot slot, CancellationToken cancellationToken)
    {
        using var log = _listener.LogThrottle.Connect(Options.Logger, client.Source);
        if (await AcceptAsync(client, slot, log, cancellationToken).ConfigureAwait(false) is not { } connection)
            return;
        Start(connection, slot, log);
        // Not kept: it goes with the token once the client cannot be evicted any more.
        _ = slot.Evicted.UnsafeRegister(static connection => ((XpraConnection)connection!).Abort(EvictedReason), connection);
        // A listener that stops aborts the sessions that it knows; this one may be too late for that.
        if (cancellationToken.IsCancellationRequested)
            connection.Abort(AesListener.CutOff);
        await connection.Completion.ConfigureAwait(false);
        if (!connection.KeyProven)
            RecordFailure(client, connection.CloseCause, log);
        _listener.Close(connection);
    }

    /// <summary>Runs the handshakes. Null: there is no session, and the client's connection is closed.</summary>
    private async Task<XpraConnection?> AcceptAsync(AcceptedClient client, SourceGuard.Slot slot, LogThrottle.Connection log, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, slot.Evicted);
        var address = client.Source;
        var peer = "unknown";
        PacketChannel? channel = null;
        XpraConnection? connection = null;
        try
        {
            peer = client.Peer;
            Log.PeerConnected(log, peer);
            if (Options.ProxyProtocol == ProxyProtocol.Required && client.Header is null)
                throw new XpraAesException(XpraErrorId.ProxyHeaderRefused, "The client did not come through a trusted proxy.", "Have it connect to the proxy; or add the source to -TrustedSource if it is one.");
            client.DetectLoss(Options.Limits);
            KeepAlive.Refused.TellOnce(Options.Logger);
            await Task.Delay(_listener.Guard.DelayFor(address, client.IsAnnounced), ending.Token).ConfigureAwait(false);
            var started = Stopwatch.GetTimestamp();
            Options.Certificate?.Refresh(Options.Logger);
            var accepted = await client.AcceptAsync(_accepts with { TlsStarting = () => _listener.Guard.RecordHandshake(address, client.IsAnnounced) }, ending.Token).ConfigureAwait(false);
            if (accepted is not { } stream)
            {
                // A browser has its pages; closed like any connection, so that it reads the end of the last one.
                channel = new PacketChannel(client.Stream, Options.Limits);
                await channel.LingerAsync(Options.Limits.CloseGrace, ending.Token).ConfigureAwait(false);
                return null;
            }
            channel = new PacketChannel(stream, Options.Limits, peer, log);
            connection = await OpenAsync(channel, slot, client, peer, started, log, ending.Token).ConfigureAwait(false);
            if (connection is not null)
                Instruments.RecordHandshake(Stopwatch.GetElapsedTime(started), TransportTable.Of(channel.Transport ?? TransportKind.Tcp).Scheme);
        }
        catch (Exception e) when (channel is null && IsOfProxyItself(client.Header) && e is XpraAesException { Id: XpraErrorId.ConnectionLost } or SocketException or IOException)
        {
            // A proxy's health check, which is neither logged nor takes from what others may log.
            log.Prove();
        }
        catch (XpraAesException e)
        {
            // The target's failures do not count against the client, except a wrong password, which the client gave.
            if (e is not OverloadedException && (e.Target is null || e.Id == XpraErrorId.AuthenticationFailed))
                RecordFailure(client, e.Id, log, isPasswordFailure: e.Id == XpraErrorId.AuthenticationFailed && (e.Target is null || e.IsOfKeyHolder));
            _listener.Refuse(peer, e, log);
            channel ??= new PacketChannel(client.Stream, Options.Limits); // only to linger: the HTTP response has been sent
            await channel.LingerAsync(Options.Limits.CloseGrace, ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (slot.Evicted.IsCancellationRequested)
        {
            _listener.Refuse(peer, new OverloadedException(EvictedReason), log);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException or IOException)
        {
            _listener.Refuse(peer, new XpraAesException(XpraErrorId.ConnectionLost, "The connection was lost.", innerException: e), log);
        }
        catch (Exception e)
        {
            Log.SessionFailed(log, peer, e);
        }
        finally
        {
            RemoveUser();
            if (connection is null)
                await CloseAsync(channel, client).ConfigureAwait(false);
        }
        return connection;
    }

    private void RecordFailure(AcceptedClient client, XpraErrorId? cause, LogThrottle.Connection log, bool isPasswordFailure = false)
    {
        if (IsFailure(cause) && _listener.Guard.RecordFailure(client.Source, isPasswordFailure, client.IsAnnounced))
            Log.SourceBlocked(log, client.Source, Options.Limits.FailuresBeforeBlock, Options.Limits.FailureWindow);
    }

    /// <summary>Whether a proxy has connected for itself. HAProxy announces its own address then, or none.</summary>
    private bool IsOfProxyItself(ProxyHeader? header) => header is { Source: null } || header is { Source.Address: var address } && Options.Trusts(address);

    /// <summary>Whether it counts against the address: only what no honest client with the key causes, so a plain close does not.</summary>
    private static bool IsFailure(XpraErrorId? id)
        => id is XpraErrorId.MalformedPacket or XpraErrorId.KeyMismatch or XpraErrorId.SaltReused or XpraErrorId.HelloAltered or XpraErrorId.HelloExpired or XpraErrorId.AuthenticationFailed or XpraErrorId.LimitReached
            or XpraErrorId.UnexpectedEncryption or XpraErrorId.PlaintextPacket or XpraErrorId.TlsFailed
            or XpraErrorId.NotXpra or XpraErrorId.PeerSentText or XpraErrorId.PeerIsTls or XpraErrorId.PeerIsSsh or XpraErrorId.PeerIsRfb;

    /// <summary>Runs the handshake. Null: the client's request has been answered, and there is no session.</summary>
    private async Task<XpraConnection?> OpenAsync(PacketChannel channel, SourceGuard.Slot slot, AcceptedClient accepted, string peer, long started, LogThrottle.Connection log, CancellationToken cancellationToken)
    {
        var source = accepted.Source;
        var remaining = Options.Limits.HandshakeTimeout - Stopwatch.GetElapsedTime(started);
        var handshake = new ServerHandshake(channel, new ServerHandshakeOptions
        {
            Keys = _keys,
            Modes = Options.Modes,
            KeySize = Options.KeySize,
            KeyHash = Options.KeyHash,
            Iterations = Options.Iterations,
            EncryptFirstPacket = Options.EncryptFirstPacket,
            Password = Options.Password,
            UserName = Options.UserName,
            SatisfyExpectedChallenge = _gateway is null,
            RequireProof = (request, isFromKeyHolder) => _routes is { DependsOnHello: true } && !isFromKeyHolder && !RequestPolicy.IsOwn(request),
            Refuse = (request, hello, keyProven, isFromKeyHolder) => _gateway is null
                ? Responder.Refuse(request, hello)
                : RequestPolicy.Refuse(request, keyProven, isFromKeyHolder, _gateway),
            HelloAccepted = () => slot.HasSentHello = true,
            Limits = Options.Limits,
            Source = source,
            Clock = Options.Clock,
            HelloTimeout = remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero,
            Derivations = _listener.Derivations.For(source, accepted.IsAnnounced),
        }, log);
        var client = await handshake.RunAsync(cancellationToken).ConfigureAwait(false);
        if (client.KeyProven)
            log.Prove();
        if (_gateway is not null && RequestPolicy.Forwards(client.Request, client.KeyProven, client.IsFromKeyHolder, _gateway))
        {
            var route = await FindRouteAsync(channel, handshake, client, cancellationToken).ConfigureAwait(false);
            var outcome = await new GatewayHandshake(_gateway with { Targets = route.Targets, Client = accepted.Announcement, IsRoutedByHello = _routes!.DependsOnHello }, log).OpenAsync(channel, handshake, client, peer, cancellationToken).ConfigureAwait(false);
            if (outcome.Session is { } relay)
            {
                Log.SessionRouted(log, peer, route.Name, relay.Legs[^1].Peer);
                return OpenConnection(relay, client, log, route.Name);
            }
            await AnswerAsync(outcome.Request!, () => handshake.ForwardAsync(outcome.Answer!, cancellationToken)).ConfigureAwait(false);
            return null;
        }
        if (_responder.Answer(client) is not { } answer)
        {
            await handshake.SendHelloAsync(_responder.SessionHello(), cancellationToken).ConfigureAwait(false);
            var leg = CipherLeg.Of(peer, client.PeerVersion, client.Send, client.Receive, client.Key, channel);
            return OpenConnection(new EndpointSession(channel, leg, client.PeerHello, isClient: false, Options.Limits, _responder.Info) { MaySendFirst = client.KeyProven || Options.AllowSilentClients }, client, log);
        }
        await AnswerAsync(client.Request!, () => handshake.SendAnswerAsync(client.Request!, answer, cancellationToken)).ConfigureAwait(false);
        return null;

        async Task AnswerAsync(string request, Func<Task> send)
        {
            // Counted before the answer, since a client may check the count once it has its answer.
            _listener.Counters.Accept();
            await send().ConfigureAwait(false);
            Log.RequestAnswered(log, peer, request);
            await channel.LingerAsync(Options.Limits.AnsweredTimeout, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The route of a client's session, or of its request. A client without one waits, as after a wrong password, and is told no more than that.</summary>
    private async Task<Route> FindRouteAsync(PacketChannel channel, ServerHandshake handshake, HandshakeResult client, CancellationToken cancellationToken)
    {
        // Where only the tag in its salt shows that a key holder made the hello, the path is not covered: a stranger could have put another there.
        var request = RouteRequest.Read(client.PeerHello, client.KeyProven ? channel.RequestPath : null, client.Key?.Fingerprint, _bind);
        if (request is { } known && _routes!.Find(known) is { } route)
            return route;
        await Task.Delay(Options.Limits.AuthenticationDelay, cancellationToken).ConfigureAwait(false);
        await handshake.RefuseAsync(Refusals.PermissionError, [Refusals.NoSession], cancellationToken).ConfigureAwait(false);
        throw new XpraAesException(XpraErrorId.SessionUnknown, $"The client asks for {request?.ToString() ?? "a session whose name cannot be one"}, to which there is no route for it.",
            "Add a route, or give the user the name of one: Get-XpraAesListener shows them (Routes).");
    }

    private XpraConnection OpenConnection(ISession session, HandshakeResult client, LogThrottle.Connection log, string? route = null)
    {
        _listener.Counters.Accept();
        var connection = new XpraConnection(session, ConnectionDirection.Inbound, client.KeyProven, UriFor(session.Channel), Options.Limits, log)
        {
            UserName = client.PeerHello.GetString("username") is { Length: > 0 } name ? PeerIdentification.Sanitize(name) : null,
            Target = (session as RelaySession)?.Target,
            Route = route,
        };
        // Before anything but the hello is sent under this salt.
        if (!client.KeyProven && client is { Key: { } key, Send: { } send })
        {
            var salts = SaltMemory.Of(key); // now, because the key may be replaced before the proof
            connection.KeyProvenChanged += () => salts.MarkProven(send.Salt.Span);
        }
        return connection;
    }

    /// <summary>The listener's address, as this client has reached it.</summary>
    private string UriFor(PacketChannel channel)
        => channel.Transport is TransportKind.TlsPsk or TransportKind.Tls or TransportKind.WebSocketTls ? (_endpoint with { Transport = channel.Transport.Value }).ToString() : _uri;

    private void Start(XpraConnection connection, SourceGuard.Slot slot, LogThrottle.Connection log)
    {
        if (connection.KeyProven)
        {
            slot.MarkProven();
            log.Prove();
        }
        // Without encryption there is no key to prove: access is controlled by the address that the listener binds to.
        else if (_keys.Length == 0)
        {
            slot.Release();
            log.Prove();
        }
        slot.MarkEstablished();
        connection.KeyProvenChanged += slot.MarkProven;
        connection.KeyProvenChanged += log.Prove;
        _listener.Open(connection);
        connection.Start();
    }

    private async Task CloseAsync(PacketChannel? channel, AcceptedClient client)
    {
        if (channel is not null)
        {
            _listener.Counters.Add(channel);
            await channel.DisposeAsync().ConfigureAwait(false);
        }
        client.Dispose();
    }

    /// <summary>A target with its own copies of the keys.</summary>
    private static TargetOptions Copy(TargetOptions target) => target.Keys.Count == 0 ? target : target with { Keys = [.. target.Keys.Select(key => key.Clone())] };

    private void RemoveUser()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        foreach (var key in _keys.Concat(Options.Targets.SelectMany(target => target.Keys)))
            key.Dispose();
        Options.Password?.Dispose();
        Options.Certificate?.Dispose();
    }
}
