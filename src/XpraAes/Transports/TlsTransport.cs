namespace XpraAes.Transports;

/// <summary>xpra's packets inside TLS with a certificate: xpra's own <c>ssl://</c>.</summary>
internal sealed class TlsTransport() : Transport(TransportKind.Tls, "ssl")
{
    private const string Handshake = "complete the TLS handshake", Closed = "during the TLS handshake", Action = "Check the port, and that it is one for TLS: the server's --bind-ssl or --bind-wss.";

    private const int Attempts = 4;

    /// <summary>Long enough for a server to finish with its other connections; arbitrary.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    public override int DefaultPort => ProtocolDefaults.Port;

    public override Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => ConnectAsync(endpoint, (tls, _) => Task.FromResult<Stream>(tls), timeout, limits, cancellationToken);

    /// <summary>
    /// Connects over TLS. xpra 3.1's servers close a connection's descriptor while one of their threads still uses it, and so write its encrypted
    /// end into whatever connection has got that descriptor next: seen in every tenth handshake of clients that connect in quick succession.
    /// </summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="inside">A handshake inside TLS.</param>
    /// <param name="timeout">For the connection, and again for the handshakes.</param>
    /// <param name="limits">For keep-alive.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public static async Task<(Stream Stream, string Peer)> ConnectAsync(
        XpraEndpoint endpoint, Func<TlsStream, CancellationToken, Task<Stream>> inside, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await ConnectOverTcpAsync(endpoint, async (stream, token) =>
                {
                    var tls = await TlsStream.ConnectAsync(stream, endpoint.Host, endpoint.Trust ?? TlsTrust.Default, token).ConfigureAwait(false);
                    return await inside(tls, token).ConfigureAwait(false);
                }, timeout, Handshake, Closed, Action, limits, cancellationToken).ConfigureAwait(false);
            }
            catch (XpraAesException e) when (e.IsTransient && attempt < Attempts)
            {
                await Task.Delay(s_pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The server's side: the stream inside TLS, or inside a websocket in it, as the client's first bytes there decide.</summary>
    public override async Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken)
    {
        options.TlsStarting();
        var tls = await TlsStream.AcceptAsync(stream, options.Certificate!, cancellationToken).ConfigureAwait(false);
        Stream? accepted = null;
        try
        {
            return accepted = await AcceptInsideAsync(tls, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (accepted is null)
                tls.Release();
        }
    }

    private async Task<Stream?> AcceptInsideAsync(TlsStream tls, AcceptOptions options, CancellationToken cancellationToken)
    {
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
        => TlsTransport.ConnectAsync(endpoint, async (tls, token) => await WebSocketUpgrade.ConnectAsync(tls, endpoint.Host, endpoint.Port, endpoint.Path ?? "/", token).ConfigureAwait(false), timeout, limits, cancellationToken);

    /// <summary>The server's side, on the stream inside TLS.</summary>
    public override Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken) => WebSocketTransport.UpgradeAsync(stream, options, isSecure: true, cancellationToken);
}
