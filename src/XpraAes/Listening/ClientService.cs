using System.Collections.Concurrent;
using System.Net.Sockets;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Listening;

/// <summary>Serves the clients of one listener, each from its first byte to its last.</summary>
internal sealed class ClientService(AesListener listener, ListenerOptions options, XpraKey key) : IDisposable
{
    /// <summary>Two derivations at a time leave the rest of a small machine to the sessions that stand.</summary>
    private const int ConcurrentDerivations = 2;

    /// <summary>A client that asked and got its answer closes by itself; xpra's own servers wait as long.</summary>
    private static readonly TimeSpan s_answeredPatience = TimeSpan.FromSeconds(5);

    private readonly DerivationGate _derivations = new(ConcurrentDerivations);
    private readonly Responder _responder = new(listener);
    private readonly ConcurrentDictionary<int, XpraConnection> _connections = new();
    private long _accepted;
    private long _rejected;
    private long _bytesIn;
    private long _bytesOut;

    public IReadOnlyList<XpraConnection> Connections => [.. _connections.Values.OrderBy(connection => connection.Id)];

    public long Accepted => Interlocked.Read(ref _accepted);

    public long Rejected => Interlocked.Read(ref _rejected);

    public long BytesIn => Interlocked.Read(ref _bytesIn) + _connections.Values.Sum(connection => connection.BytesIn);

    public long BytesOut => Interlocked.Read(ref _bytesOut) + _connections.Values.Sum(connection => connection.BytesOut);

    public void CountRejected() => Interlocked.Increment(ref _rejected);

    /// <summary>Serves one client and returns when its connection is closed. Throws nothing.</summary>
    /// <param name="socket">The accepted socket; closed here.</param>
    /// <param name="proven">Called when the client has proven the key.</param>
    /// <param name="cancellationToken">Cuts the client off.</param>
    public async Task ServeAsync(Socket socket, Action proven, CancellationToken cancellationToken)
    {
        var peer = "unknown";
        PacketChannel? channel = null;
        try
        {
            peer = AddressText.Of(socket.RemoteEndPoint);
            Log.PeerConnected(options.Logger, peer);
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            channel = new PacketChannel(new NetworkStream(socket, ownsSocket: true), options.Limits);
            if (await OpenAsync(channel, socket, peer, cancellationToken).ConfigureAwait(false) is { } connection)
            {
                channel = null; // the connection owns it now
                await RunAsync(connection, proven, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (XpraAesException e)
        {
            CountRejected();
            Log.PeerRefused(options.Logger, peer, e.Id, e.Message);
            if (channel is not null)
                await LingerAsync(channel, socket, options.Limits.CloseGrace, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            CountRejected();
        }
        catch (Exception e)
        {
            CountRejected();
            Log.SessionFailed(options.Logger, peer, e);
        }
        finally
        {
            if (channel is not null)
            {
                Interlocked.Add(ref _bytesIn, channel.Reader.BytesRead);
                Interlocked.Add(ref _bytesOut, channel.Writer.BytesWritten);
                await channel.DisposeAsync().ConfigureAwait(false);
            }
            socket.Dispose();
        }
    }

    public void Dispose() => _derivations.Dispose();

    /// <summary>The handshake and what follows it at once. Null: the client had a request, which is answered, or was sent away.</summary>
    private async Task<XpraConnection?> OpenAsync(PacketChannel channel, Socket socket, string peer, CancellationToken cancellationToken)
    {
        var handshake = new ServerHandshake(channel, new ServerHandshakeOptions
        {
            Key = key,
            Modes = options.Modes,
            KeySize = options.KeySize,
            KeyHash = options.KeyHash,
            Iterations = options.Iterations,
            EncryptFirstPacket = options.EncryptFirstPacket,
            Limits = options.Limits,
            Derivations = _derivations,
        }, options.Logger);
        var client = await handshake.RunAsync(cancellationToken).ConfigureAwait(false);
        if (Responder.IsSession(client))
        {
            await handshake.SendHelloAsync(_responder.SessionHello(), cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _accepted);
            var leg = CipherLeg.Of(peer, client.PeerVersion, client.Send, client.Receive, key, channel.Reader);
            var session = new EndpointSession(channel, leg, client.PeerHello, isClient: false, options.Limits, _responder.Info);
            return new XpraConnection(session, ConnectionDirection.Inbound, $"tcp://{listener.Endpoint}/", options.Limits, options.Logger);
        }
        if (_responder.Answer(client) is { } answer)
        {
            await handshake.SendAnswerAsync(client.Request!, answer, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _accepted);
            Log.RequestAnswered(options.Logger, peer, client.Request!);
        }
        else
        {
            await handshake.RefuseAsync(Responder.Refusal(client), null, cancellationToken).ConfigureAwait(false);
            CountRejected();
            Log.RequestRefused(options.Logger, peer, PeerIdentification.Sanitize(client.Request ?? "attach"));
        }
        await LingerAsync(channel, socket, s_answeredPatience, cancellationToken).ConfigureAwait(false);
        return null;
    }

    private async Task RunAsync(XpraConnection connection, Action proven, CancellationToken cancellationToken)
    {
        _connections[connection.Id] = connection;
        connection.KeyProvenChanged += proven;
        connection.Start();
        using (cancellationToken.Register(connection.Cut))
            await connection.Completion.ConfigureAwait(false);
        Interlocked.Add(ref _bytesIn, connection.BytesIn);
        Interlocked.Add(ref _bytesOut, connection.BytesOut);
        _connections.TryRemove(connection.Id, out _);
    }

    /// <summary>Closes our side and waits for the client to close its own, so that it reads our last packet and not a reset.</summary>
    private static async Task LingerAsync(PacketChannel channel, Socket socket, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            await channel.Reader.DrainAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException or IOException)
        {
            // It has had its time.
        }
    }
}
