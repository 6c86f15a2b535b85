using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Packets;

namespace XpraAes.Connections;

/// <summary>Opens sessions with xpra servers of any generation.</summary>
public static class XpraConnector
{
    /// <summary>What the first hello is written in, and how it is encrypted if at all.</summary>
    private readonly record struct Attempt(PacketEncoding Encoding, FirstPacket? FirstPacket);

    // rencodeplus for 4.3 and later, rencode for those before, which answer the other in text.
    private static readonly Attempt[] s_inClear = [new(PacketEncoding.RencodePlus, null), new(PacketEncoding.Rencode, null)];

    // Nothing tells a server's generation beforehand, and each expects its own form of an encrypted first packet.
    private static readonly Attempt[] s_encrypted = [.. FirstPacket.Variants.Select(variant => new Attempt(variant.Encoding, variant))];

    /// <summary>Connects, exchanges hellos, measures the latency once, and leaves the session running in the background.</summary>
    /// <exception cref="XpraAesException">Whatever went wrong, by its cause, with the endpoint as target.</exception>
    public static async Task<XpraConnection> ConnectAsync(ConnectOptions options, CancellationToken cancellationToken = default)
    {
        OptionChecks.Require(options.KeySize, options.Iterations);
        using var key = options.Key.Clone();
        var keys = options.OtherKeys.Prepend(key).ToArray();
        var uuid = Hello.NewUuid();
        var attempts = options.EncryptFirstPacket ? s_encrypted : s_inClear;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await ConnectOnceAsync(options, keys, attempts[attempt], uuid, cancellationToken).ConfigureAwait(false);
            }
            catch (XpraAesException e) when (attempt + 1 < attempts.Length && IsWorthAnother(e.Id, options.EncryptFirstPacket))
            {
                Log.TryingAgain(options.Logger, e.Id, attempts[attempt + 1].Encoding);
            }
            catch (XpraAesException e) when (e.Target is null)
            {
                throw new XpraAesException(e.Id, $"{options.Endpoint}: {e.Message}", e.RecommendedAction, e) { Target = options.Endpoint.ToString() };
            }
        }
    }

    private static async Task<XpraConnection> ConnectOnceAsync(ConnectOptions options, XpraKey[] keys, Attempt attempt, string uuid, CancellationToken cancellationToken)
    {
        var (stream, peer) = await Transport.ConnectAsync(options.Endpoint, options.Timeout, options.Limits, cancellationToken).ConfigureAwait(false);
        var channel = new PacketChannel(stream, options.Limits);
        try
        {
            var handshake = new ClientHandshake(channel, new ClientHandshakeOptions
            {
                Cipher = new ClientCipherOptions
                {
                    Keys = keys,
                    Mode = options.Mode,
                    KeySize = options.KeySize,
                    KeyHash = options.KeyHash,
                    Iterations = options.Iterations,
                    Stream = options.Stream,
                    FirstPacket = attempt.FirstPacket,
                },
                UserName = options.UserName,
                Password = options.Password,
                Encoding = attempt.Encoding,
                Uuid = uuid,
                Timeout = options.Timeout,
            }, options.Limits, options.Logger);
            var agreed = await handshake.RunAsync(cancellationToken).ConfigureAwait(false);
            var leg = CipherLeg.Of(peer, agreed.PeerVersion, agreed.Send, agreed.Receive, agreed.Key, channel.Reader);
            var session = new EndpointSession(channel, leg, agreed.PeerHello, isClient: true, options.Limits, info: null);
            var connection = new XpraConnection(session, ConnectionDirection.Outbound, agreed.KeyProven, options.Endpoint.ToString(), options.Limits, options.Logger);
            connection.Start();
            await MeasureLatencyAsync(connection, options.Timeout, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await channel.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static bool IsWorthAnother(XpraErrorId id, bool encryptFirstPacket) => id switch
    {
        XpraErrorId.PeerSentText => true,
        XpraErrorId.ConnectionLost or XpraErrorId.PlaintextPacket or XpraErrorId.PeerDisconnected => encryptFirstPacket,
        _ => false,
    };

    private static async Task MeasureLatencyAsync(XpraConnection connection, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            await connection.PingAsync(timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await connection.CloseAsync().ConfigureAwait(false);
            if (e is TimeoutException)
                throw new XpraAesException(XpraErrorId.HandshakeTimeout, "The server answered our hello but not our ping.", innerException: e);
            if (e is XpraAesException { Id: XpraErrorId.Closed })
                throw new XpraAesException(XpraErrorId.PeerDisconnected, $"The server ended the session at once: {connection.CloseReason}.", innerException: e);
            throw;
        }
    }
}
