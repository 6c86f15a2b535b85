using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>All transports, and the choice among them for an endpoint, a URI or an accepted socket.</summary>
internal static class TransportTable
{
    /// <summary>Bytes that are needed to recognize a transport: the longest HTTP method and a space.</summary>
    public const int PeekSize = 8;

    private static readonly Transport[] s_all =
    [
        new TcpTransport(),
        new WebSocketTransport(),
        new UnixTransport(),
        new TlsPskTransport(),
    ];

    /// <summary>The transport of this kind.</summary>
    public static Transport Of(TransportKind kind) => Array.Find(s_all, transport => transport.Kind == kind) ?? throw new ArgumentOutOfRangeException(nameof(kind), kind, null);

    /// <summary>The transport whose stream this is; null where there is no connection, as in memory.</summary>
    public static TransportKind? KindOf(Stream stream) => stream switch
    {
        LayeredStream layered => layered.Transport,
        NetworkStream { Socket.AddressFamily: AddressFamily.Unix } => TransportKind.Unix,
        NetworkStream => TransportKind.Tcp,
        _ => null,
    };

    /// <summary>The transport with this scheme, in lower case; null if there is none.</summary>
    public static Transport? WithScheme(string scheme) => Array.Find(s_all, transport => transport.Scheme == scheme);

    /// <summary>As <see cref="Transport.ConnectAsync"/> of the endpoint's transport.</summary>
    public static Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => Of(endpoint.Transport).ConnectAsync(endpoint, keys, timeout, limits, cancellationToken);

    /// <summary>The stream of packets on an accepted socket; its first bytes determine the transport.</summary>
    /// <exception cref="XpraAesException">HandshakeTimeout if nothing arrives in time, ConnectionLost, and those of <see cref="Transport.AcceptAsync"/>.</exception>
    public static async Task<Stream> AcceptAsync(Socket socket, AcceptOptions options, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Timeout);
        var stream = new NetworkStream(socket, ownsSocket: true);
        var first = new byte[PeekSize];
        try
        {
            var count = await socket.ReceiveAsync(first, SocketFlags.Peek, deadline.Token).ConfigureAwait(false);
            if (count == 0)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection before its hello.");
            var spoken = Array.Find(s_all, transport => transport.Recognizes(first.AsSpan(0, count)));
            if (options.Transports.Count > 0 && !options.Transports.Contains(spoken?.Kind ?? TransportKind.Tcp))
                throw new XpraAesException(XpraErrorId.TransportRefused, $"The client came by {spoken?.Scheme ?? "tcp"}, and this listener accepts only {string.Join(", ", options.Transports)}.");
            return spoken is null ? stream : await spoken.AcceptAsync(stream, options, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, "The client sent no hello in time.");
        }
    }
}
