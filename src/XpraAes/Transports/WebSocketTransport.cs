using System.Text;

namespace XpraAes.Transports;

/// <summary>xpra's packets in the binary messages of a WebSocket (PROTOCOL section 3).</summary>
internal sealed class WebSocketTransport() : Transport(TransportKind.WebSocket, "ws")
{
    private static readonly byte[][] s_methods =
        [.. new[] { "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "TRACE ", "CONNECT " }.Select(Encoding.ASCII.GetBytes)];

    public override int DefaultPort => 80;

    public override Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => ConnectOverTcpAsync(endpoint, async (stream, token) => await WebSocketUpgrade.ConnectAsync(stream, endpoint.Host, endpoint.Port, endpoint.Path ?? "/", token).ConfigureAwait(false),
            timeout, "answer the websocket request", "on a websocket request", "Use tcp:// in place of ws://, or start the server with --html=on.", limits, cancellationToken);

    /// <summary>Whether it is an HTTP method. An incomplete one is only recognized for GET: xpra's packets begin with P, like POST.</summary>
    public override bool Recognizes(ReadOnlySpan<byte> first)
    {
        foreach (var method in s_methods)
        {
            if (first.StartsWith(method) || first[0] == 'G' && method.AsSpan().StartsWith(first))
                return true;
        }
        return false;
    }

    public override Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken) => UpgradeAsync(stream, options, isSecure: false, cancellationToken);

    /// <summary>The server's side on any stream, with the listener's pages if it has any.</summary>
    public static async Task<Stream?> UpgradeAsync(Stream stream, AcceptOptions options, bool isSecure, CancellationToken cancellationToken) => options.Pages is { } pages
        ? await WebSocketUpgrade.AcceptAsync(stream, pages, new WebVisitor(options.Source, options.IsLoopback, isSecure, options.Extend), options.Origins, cancellationToken).ConfigureAwait(false)
        : await WebSocketUpgrade.AcceptAsync(stream, default, options.Origins, cancellationToken).ConfigureAwait(false);
}
