using System.IO.Pipes;
using System.Net;
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
        new NamedPipeTransport(),
        new TlsPskTransport(),
        new TlsTransport(),
        new WebSocketTlsTransport(),
    ];

    /// <summary>The transport of this kind.</summary>
    public static Transport Of(TransportKind kind) => Array.Find(s_all, transport => transport.Kind == kind) ?? throw new ArgumentOutOfRangeException(nameof(kind), kind, null);

    /// <summary>The transport whose stream this is; null where there is no connection, as in memory.</summary>
    public static TransportKind? KindOf(Stream stream) => stream switch
    {
        LayeredStream layered => layered.Transport,
        NetworkStream { Socket.AddressFamily: AddressFamily.Unix } => TransportKind.Unix,
        NetworkStream => TransportKind.Tcp,
        PipeStream => TransportKind.NamedPipe,
        _ => null,
    };

    /// <summary>The transport with this scheme, in lower case; null if there is none.</summary>
    public static Transport? WithScheme(string scheme) => Array.Find(s_all, transport => transport.Scheme == scheme);

    /// <summary>The transport whose client begins with these bytes, at least one.</summary>
    public static TransportKind Recognize(ReadOnlySpan<byte> first)
    {
        foreach (var transport in s_all)
        {
            if (transport.Recognizes(first))
                return transport.Kind;
        }
        return TransportKind.Tcp;
    }

    /// <summary>As <see cref="Transport.ConnectAsync"/> of the endpoint's transport.</summary>
    public static Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => Of(endpoint.Transport).ConnectAsync(endpoint, keys, timeout, limits, cancellationToken);

    /// <summary>Whether somebody accepts connections there. There is no handshake: TLS and websockets count as TCP. A target that wants a PROXY header gets one.</summary>
    public static async Task<bool> AcceptsAsync(XpraEndpoint endpoint, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        try
        {
            var (stream, _) = await ConnectAsync(endpoint.IsLocal ? endpoint : endpoint with { Transport = TransportKind.Tcp }, [], timeout, limits, cancellationToken).ConfigureAwait(false);
            await stream.DisposeAsync().ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is XpraAesException or IOException)
        {
            return false;
        }
    }

    /// <summary>The stream of packets on an accepted socket; its first bytes determine the transport. Null if a browser asked for pages only.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="options">What is accepted.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <param name="announced">The client's address, if it is not that of the socket.</param>
    /// <param name="read">The client's first bytes, if some have been read already.</param>
    /// <exception cref="XpraAesException">HandshakeTimeout if nothing arrives in time, ConnectionLost, and those of <see cref="Transport.AcceptAsync"/>.</exception>
    public static async Task<Stream?> AcceptAsync(Socket socket, AcceptOptions options, CancellationToken cancellationToken, IPAddress? announced = null, ReadOnlyMemory<byte> read = default)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Timeout);
        if (options.Pages is not null)
        {
            var source = AddressText.SourceOf(socket);
            // Another machine's loopback is not this one's.
            options = options with { Source = announced ?? source, IsLoopback = IPAddress.IsLoopback(source) && (announced is null || IPAddress.IsLoopback(announced)), Extend = deadline.CancelAfter };
        }
        Stream stream = new SocketStream(socket);
        var first = new byte[PeekSize];
        try
        {
            int count;
            if (read.IsEmpty)
            {
                count = await socket.ReceiveAsync(first, SocketFlags.Peek, deadline.Token).ConfigureAwait(false);
            }
            else
            {
                count = Math.Min(read.Length, first.Length);
                read[..count].CopyTo(first);
                stream = new ReplayStream(stream, read);
            }
            if (ProxyHeader.IsStart(first.AsSpan(0, count)) && count == PeekSize)
                throw new XpraAesException(XpraErrorId.ProxyHeaderRefused, "The connection began with a PROXY header, which is accepted from trusted sources only.", "If it comes from your own proxy, give -ProxyProtocol and -TrustedSource.");
            if (count == 0)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection before its hello.");
            var spoken = Of(Recognize(first.AsSpan(0, count)));
            if (spoken.Kind == TransportKind.TlsPsk && options.Certificate is not null)
            {
                var hello = await TlsClientHello.ReadAsync(stream, deadline.Token).ConfigureAwait(false);
                stream = new ReplayStream(stream, hello.Bytes);
                if (!hello.AsksForPreSharedKey)
                    spoken = Of(TransportKind.Tls);
            }
            // Whether there is a websocket inside TLS shows only there.
            if (spoken.Kind != TransportKind.Tls || !options.Allows(TransportKind.WebSocketTls))
                options.Require(spoken);
            return await spoken.AcceptAsync(stream, options, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, "The client sent no hello in time.");
        }
    }
}
