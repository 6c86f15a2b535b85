using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>Opens sessions with xpra servers of any generation.</summary>
public static class XpraConnector
{
    /// <summary>The encoding of the first hello, and how it is encrypted; null for plaintext.</summary>
    private readonly record struct Attempt(PacketEncoding Encoding, FirstPacket? FirstPacket);

    // rencodeplus for 4.3 and later; rencode for older servers, which answer rencodeplus with bare text.
    private static readonly Attempt[] s_plaintext = [new(PacketEncoding.RencodePlus, null), new(PacketEncoding.Rencode, null)];

    private static readonly Attempt[] s_encrypted = [.. FirstPacket.Attempts.Select(variant => new Attempt(variant.Encoding, variant))];

    /// <summary>Connects, completes the handshake, measures the latency once, and leaves the session running in the background.</summary>
    /// <exception cref="XpraAesException">Every failure; the id names the cause, and the target is the endpoint.</exception>
    public static Task<XpraConnection> ConnectAsync(ConnectOptions options, CancellationToken cancellationToken = default)
        => AttemptAsync(options, (channel, peer, attempt, keys) => OpenSessionAsync(options, channel, peer, attempt, keys, cancellationToken), cancellationToken);

    /// <summary>Requests a server's information without a session, as <c>xpra info</c> does.</summary>
    /// <exception cref="XpraAesException">Every failure; the id names the cause, and the target is the endpoint.</exception>
    internal static Task<XpraDictionary> RequestInfoAsync(ConnectOptions options, CancellationToken cancellationToken)
        => AttemptAsync(options, async (channel, _, attempt, keys) =>
        {
            await using var closing = channel.ConfigureAwait(false);
            channel.TrustPeer(); // the caller chose this server, and its answer is larger than any hello
            return (await CreateHandshake(options, channel, attempt, keys, "info").RunAsync(cancellationToken).ConfigureAwait(false)).PeerHello;
        }, cancellationToken);

    /// <summary>
    /// Sends one request on a connection of its own, which nobody without the key can read. A server that opens a session instead of sending the
    /// challenge that it was asked for (PROTOCOL section 14) has not got the request, and 3.1 to 4.4 open one for <c>stop</c> and <c>exit</c>; the caller then owns that session.
    /// </summary>
    /// <param name="options">The server.</param>
    /// <param name="request">The request, such as <c>info</c>, <c>command</c> or <c>run</c>.</param>
    /// <param name="command">The command and its arguments, or none.</param>
    /// <param name="cancellationToken">Ends the connection.</param>
    /// <exception cref="XpraAesException">Every failure; the id names the cause, and the target is the endpoint.</exception>
    internal static async Task<(Packet Answer, XpraConnection? Session)> AskAsync(ConnectOptions options, string request, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        ClientHandshake? handshake = null;
        return await AttemptAsync(options, async (channel, peer, attempt, keys) =>
        {
            channel.TrustPeer(); // the caller chose this server, and its answer is larger than any hello
            handshake = CreateHandshake(options, channel, attempt, keys, request, command);
            var (answer, session) = await handshake.AskAsync(cancellationToken).ConfigureAwait(false);
            if (session is not null)
                return (answer, await StartSessionAsync(options, channel, peer, session, cancellationToken).ConfigureAwait(false));
            await channel.DisposeAsync().ConfigureAwait(false);
            return (answer, (XpraConnection?)null);
        }, cancellationToken, mayRetry: () => handshake is not { IsAsked: true }).ConfigureAwait(false);
    }

    /// <summary>Reconnects with each form of the first packet until the server understands one. On success <paramref name="work"/> owns the channel.</summary>
    private static async Task<T> AttemptAsync<T>(ConnectOptions options, Func<PacketChannel, string, Attempt, XpraKey[], Task<T>> work, CancellationToken cancellationToken, Func<bool>? mayRetry = null)
    {
        KeyStretchingLimits.Require(options.KeySize, options.Iterations);
        Log.Connecting(options.Logger, options.Endpoint.ToString());
        using var key = options.Key.Clone();
        var keys = options.OtherKeys.Prepend(key).ToArray();
        var attempts = options.EncryptFirstPacket && options.Endpoint.Transport != TransportKind.TlsPsk ? s_encrypted : s_plaintext;
        for (var attempt = 0; ; attempt++)
        {
            PacketChannel? channel = null;
            try
            {
                var (stream, peer) = await TransportTable.ConnectAsync(options.Endpoint, keys, options.Timeout, options.Limits, cancellationToken).ConfigureAwait(false);
                KeepAlive.Refused.TellOnce(options.Logger);
                channel = new PacketChannel(stream, options.Limits, peer, options.Logger);
                return await work(channel, peer, attempts[attempt], keys).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                if (channel is not null)
                    await channel.DisposeAsync().ConfigureAwait(false);
                if (e is not XpraAesException failure)
                    throw;
                if (attempt + 1 < attempts.Length && ShouldRetry(failure.Id, options.EncryptFirstPacket) && mayRetry?.Invoke() != false)
                {
                    Log.TryingAgain(options.Logger, options.Endpoint.ToString(), failure.Id, attempts[attempt + 1].Encoding.ToString());
                    continue;
                }
                Log.ConnectFailed(options.Logger, options.Endpoint.ToString(), failure.Id, failure.Message);
                if (failure.Target is not null)
                    throw;
                throw new XpraAesException(failure.Id, $"{options.Endpoint}: {failure.Message}", failure.RecommendedAction, failure) { Target = options.Endpoint.ToString() };
            }
        }
    }

    private static async Task<XpraConnection> OpenSessionAsync(ConnectOptions options, PacketChannel channel, string peer, Attempt attempt, XpraKey[] keys, CancellationToken cancellationToken)
    {
        var result = await CreateHandshake(options, channel, attempt, keys).RunAsync(cancellationToken).ConfigureAwait(false);
        return await StartSessionAsync(options, channel, peer, result, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<XpraConnection> StartSessionAsync(ConnectOptions options, PacketChannel channel, string peer, HandshakeResult result, CancellationToken cancellationToken)
    {
        var leg = CipherLeg.Of(peer, result.PeerVersion, result.Send, result.Receive, result.Key, channel);
        var session = new EndpointSession(channel, leg, result.PeerHello, isClient: true, options.Limits, info: null);
        var connection = new XpraConnection(session, ConnectionDirection.Outbound, result.KeyProven, options.Endpoint.ToString(), options.Limits, options.Logger) { UserName = options.UserName };
        connection.Start();
        await MeasureLatencyAsync(connection, options, cancellationToken).ConfigureAwait(false);
        return connection;
    }

    private static ClientHandshake CreateHandshake(ConnectOptions options, PacketChannel channel, Attempt attempt, XpraKey[] keys, string? request = null, IReadOnlyList<string>? command = null)
        => new(channel, new ClientHandshakeOptions
        {
            Cipher = options.CipherOptions(keys, attempt.FirstPacket),
            UserName = options.UserName,
            SessionName = options.SessionName,
            Password = options.Password,
            AllowXor = options.AllowXor,
            Encoding = attempt.Encoding,
            Uuid = options.Uuid ?? Hello.NewUuid(),
            Timeout = options.Timeout,
            Request = request,
            Command = command ?? [],
            HidesRequest = command is not null,
        }, options.Limits, options.Logger);

    private static bool ShouldRetry(XpraErrorId id, bool encryptFirstPacket) => id switch
    {
        XpraErrorId.PeerSentText => true,
        XpraErrorId.ConnectionLost or XpraErrorId.PlaintextPacket or XpraErrorId.PeerDisconnected => encryptFirstPacket,
        _ => false,
    };

    private static async Task MeasureLatencyAsync(XpraConnection connection, ConnectOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await connection.PingAsync(options.Timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // If the server closed the connection, the session may still have to read its last packets, which hold the reason.
            if (e is XpraAesException { Id: XpraErrorId.ConnectionLost })
                await connection.Completion.WaitAsync(options.Limits.CloseGrace, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var ended = connection.State == ConnectionState.Closed;
            await connection.CloseAsync().ConfigureAwait(false);
            if (e is TimeoutException)
                throw new XpraAesException(XpraErrorId.HandshakeTimeout, "The server answered our hello but not our ping.", innerException: e);
            if (ended && e is XpraAesException)
                throw new XpraAesException(connection.CloseCause ?? XpraErrorId.PeerDisconnected, $"The server ended the session at once: {connection.CloseReason}.", innerException: e);
            throw;
        }
    }
}
