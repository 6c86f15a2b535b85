namespace XpraAes.Transports;

/// <summary>xpra's packets inside TLS with a certificate: xpra's own <c>ssl://</c>.</summary>
internal sealed class TlsTransport() : Transport(TransportKind.Tls, "ssl")
{
    internal const string Handshake = "complete the TLS handshake", Closed = "during the TLS handshake", Action = "Check the port, and that it is one for TLS: the server's --bind-ssl or --bind-wss.";

    public override int DefaultPort => ProtocolDefaults.Port;

    public override Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => ConnectOverTcpAsync(endpoint, async (stream, token) => await TlsStream.ConnectAsync(stream, endpoint.Host, endpoint.Trust ?? TlsTrust.Default, token).ConfigureAwait(false),
            timeout, Handshake, Closed, Action, limits, cancellationToken);

    /// <summary>The server's side: the stream inside TLS, or inside a websocket in it, as the client's first bytes there decide.</summary>
    public override async Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken)
    {
        var tls = await TlsStream.AcceptAsync(stream, options.Certificate!, cancellationToken).ConfigureAwait(false);
        var first = new byte[TransportTable.PeekSize];
        int count;
        try
        {
            count = await tls.ReadAsync(first, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            // In TLS 1.3 a client that does not trust the certificate says so here.
            throw new XpraAesException(XpraErrorId.TlsRefused, $"The client ended TLS before its hello: {PeerIdentification.Sanitize((e.InnerException ?? e).Message)}", "Often it does not trust the certificate yet.", e);
        }
        if (count == 0)
            throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection before its hello.");
        var inside = TransportTable.Of(TransportTable.Recognize(first.AsSpan(0, count)) == TransportKind.WebSocket ? TransportKind.WebSocketTls : TransportKind.Tls);
        options.Require(inside);
        var replay = new ReplayStream(tls, first.AsMemory(0, count));
        return inside == this ? replay : await inside.AcceptAsync(replay, options, cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>xpra's packets in a WebSocket inside TLS with a certificate.</summary>
internal sealed class WebSocketTlsTransport() : Transport(TransportKind.WebSocketTls, "wss")
{
    public override int DefaultPort => 443;

    public override Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => ConnectOverTcpAsync(endpoint, async (stream, token) =>
        {
            var tls = await TlsStream.ConnectAsync(stream, endpoint.Host, endpoint.Trust ?? TlsTrust.Default, token).ConfigureAwait(false);
            return await WebSocketUpgrade.ConnectAsync(tls, endpoint.Host, endpoint.Port, endpoint.Path ?? "/", token).ConfigureAwait(false);
        }, timeout, TlsTransport.Handshake, TlsTransport.Closed, TlsTransport.Action, limits, cancellationToken);

    /// <summary>The server's side, on the stream inside TLS.</summary>
    public override Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken) => WebSocketTransport.UpgradeAsync(stream, options, isSecure: true, cancellationToken);
}
