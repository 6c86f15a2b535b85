using System.Net;
using System.Net.Sockets;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Listening;

/// <summary>Serves the clients that come in under one configuration of a listener, each from its first byte to its last.</summary>
internal sealed class ClientService(AesListener listener, ListenerOptions options)
{
    private readonly XpraKey _key = options.Key.Clone();
    private readonly Responder _responder = new(listener);
    private int _users = 1; // the listener itself, until it retires this configuration

    public ListenerOptions Options { get; } = options;

    public string KeyFingerprint => _key.Fingerprint;

    public Keys.KeySource KeySource => _key.KeySource;

    public string? KeyPath => _key.Path;

    /// <summary>No further client comes in under this configuration; the key goes when the last handshake is over.</summary>
    public void Retire() => Leave();

    /// <summary>Serves one client and returns when its connection is closed. Throws nothing.</summary>
    public async Task ServeAsync(Socket socket, SourceGuard.Slot slot, CancellationToken cancellationToken)
    {
        var address = AddressText.SourceOf(socket);
        var peer = "unknown";
        PacketChannel? channel = null;
        XpraConnection? connection = null;
        var entered = Enter();
        try
        {
            if (!entered)
                return;
            peer = AddressText.Of(socket.RemoteEndPoint);
            Log.PeerConnected(Options.Logger, peer);
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            await Task.Delay(listener.Guard.DelayFor(address), cancellationToken).ConfigureAwait(false);
            var stream = await ServerTransport.OpenAsync(socket, Options.Limits, cancellationToken).ConfigureAwait(false);
            channel = new PacketChannel(stream, Options.Limits);
            connection = await OpenAsync(channel, peer, cancellationToken).ConfigureAwait(false);
        }
        catch (XpraAesException e)
        {
            listener.Refuse(peer, e);
            if (IsFailure(e.Id))
                listener.Guard.RecordFailure(address);
            channel ??= new PacketChannel(new NetworkStream(socket, ownsSocket: true), Options.Limits); // only to linger: HTTP has got its answer
            await LingerAsync(channel, Options.Limits.CloseGrace, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException or IOException)
        {
            listener.Refuse(peer, new XpraAesException(XpraErrorId.ConnectionLost, "The connection was lost.", innerException: e));
        }
        catch (Exception e)
        {
            Log.SessionFailed(Options.Logger, peer, e);
        }
        finally
        {
            if (entered)
                Leave();
            if (connection is null)
                await CloseAsync(channel, socket).ConfigureAwait(false);
        }
        if (connection is not null)
            await RunAsync(connection, address, slot, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What counts against an address: what no honest client with the key sends. A plain close does not.</summary>
    private static bool IsFailure(XpraErrorId? id)
        => id is XpraErrorId.MalformedPacket or XpraErrorId.KeyMismatch or XpraErrorId.AuthenticationFailed or XpraErrorId.LimitReached
            or XpraErrorId.NotXpra or XpraErrorId.UnexpectedEncryption or XpraErrorId.PlaintextPacket;

    /// <summary>The handshake and what follows it at once. Null: the client had a request, which is answered, or was sent away.</summary>
    private async Task<XpraConnection?> OpenAsync(PacketChannel channel, string peer, CancellationToken cancellationToken)
    {
        var handshake = new ServerHandshake(channel, new ServerHandshakeOptions
        {
            Key = _key,
            Modes = Options.Modes,
            KeySize = Options.KeySize,
            KeyHash = Options.KeyHash,
            Iterations = Options.Iterations,
            EncryptFirstPacket = Options.EncryptFirstPacket,
            Password = Options.Password,
            UserName = Options.UserName,
            SatisfyExpectedChallenge = Options.Target is null,
            Limits = Options.Limits,
            Derivations = listener.Derivations,
        }, Options.Logger);
        var client = await handshake.RunAsync(cancellationToken).ConfigureAwait(false);
        if (Options.Target is { } target && Gateway.Passes(client, Options.AllowRequests))
        {
            var relay = await new Gateway(target, Options, _key).OpenAsync(channel, handshake, client, peer, cancellationToken).ConfigureAwait(false);
            return Stand(relay, client);
        }
        if (Options.Target is null && Responder.IsSession(client))
        {
            await handshake.SendHelloAsync(_responder.SessionHello(), cancellationToken).ConfigureAwait(false);
            var leg = CipherLeg.Of(peer, client.PeerVersion, client.Send, client.Receive, _key, channel.Reader);
            return Stand(new EndpointSession(channel, leg, client.PeerHello, isClient: false, Options.Limits, _responder.Info), client);
        }
        if (_responder.Answer(client) is { } answer)
        {
            await handshake.SendAnswerAsync(client.Request!, answer, cancellationToken).ConfigureAwait(false);
            listener.Counters.Accept();
            Log.RequestAnswered(Options.Logger, peer, client.Request!);
        }
        else
        {
            await handshake.RefuseAsync(Responder.Refusal(client), null, cancellationToken).ConfigureAwait(false);
            listener.Refuse(peer, new XpraAesException(XpraErrorId.RequestRefused, $"The client asks for '{PeerIdentification.Sanitize(client.Request ?? "a display")}', which is not served here."));
        }
        await LingerAsync(channel, Options.Limits.AnsweredTimeout, cancellationToken).ConfigureAwait(false);
        return null;
    }

    private XpraConnection Stand(ISession session, HandshakeResult client)
    {
        listener.Counters.Accept();
        return new XpraConnection(session, ConnectionDirection.Inbound, $"tcp://{listener.Endpoint}/", client.KeyProven, Options.Limits, Options.Logger);
    }

    private async Task RunAsync(XpraConnection connection, IPAddress address, SourceGuard.Slot slot, CancellationToken cancellationToken)
    {
        connection.KeyProvenChanged += slot.Dispose;
        if (connection.KeyProven)
            slot.Dispose();
        listener.Open(connection);
        connection.Start();
        using (cancellationToken.Register(connection.Cut))
            await connection.Completion.ConfigureAwait(false);
        if (!connection.KeyProven && IsFailure(connection.CloseCause))
            listener.Guard.RecordFailure(address);
        listener.Close(connection);
    }

    private async Task CloseAsync(PacketChannel? channel, Socket socket)
    {
        if (channel is not null)
        {
            listener.Counters.AddBytes(channel.Reader.BytesRead, channel.Writer.BytesWritten);
            await channel.DisposeAsync().ConfigureAwait(false);
        }
        socket.Dispose();
    }

    /// <summary>Closes our side and waits for the client to close its own, so that it reads our last packet and not a reset.</summary>
    private static async Task LingerAsync(PacketChannel channel, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            await channel.ShutdownSendAsync(deadline.Token).ConfigureAwait(false);
            await channel.Reader.DrainAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException or IOException or XpraAesException)
        {
            // It has had its time.
        }
    }

    private bool Enter()
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

    private void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            _key.Dispose();
    }
}
