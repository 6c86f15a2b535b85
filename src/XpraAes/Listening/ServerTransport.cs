using System.Net.Sockets;
using XpraAes.Connections;

namespace XpraAes.Listening;

/// <summary>Finds out what an accepted socket speaks: xpra's packets at once, or HTTP that turns into a WebSocket (PROTOCOL section 3).</summary>
internal static class ServerTransport
{
    private static readonly byte[][] s_httpMethods =
        [.. new[] { "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "TRACE ", "CONNECT " }.Select(System.Text.Encoding.ASCII.GetBytes)];

    /// <summary>The stream of xpra's packets. A page in a browser may ask for a websocket only from one of these origins.</summary>
    /// <exception cref="XpraAesException">HandshakeTimeout where nothing comes, ConnectionLost, PeerIsHttp where a browser asks for a page; it has been answered.</exception>
    public static async Task<Stream> OpenAsync(Socket socket, IReadOnlyCollection<string> origins, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        var stream = new NetworkStream(socket, ownsSocket: true);
        var first = new byte[s_httpMethods.Max(method => method.Length)];
        try
        {
            var count = await socket.ReceiveAsync(first, SocketFlags.Peek, deadline.Token).ConfigureAwait(false);
            if (count == 0)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection before its hello.");
            return IsHttp(first.AsSpan(0, count)) ? await WebSocketUpgrade.AcceptAsync(stream, default, origins, deadline.Token).ConfigureAwait(false) : stream;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, "The client sent no hello in time.");
        }
    }

    /// <summary>A method's name, or as much of it as has come: nothing else begins with a G, while xpra's packets share their P with others.</summary>
    private static bool IsHttp(ReadOnlySpan<byte> first)
    {
        foreach (var method in s_httpMethods)
        {
            if (first.StartsWith(method) || first[0] == 'G' && method.AsSpan().StartsWith(first))
                return true;
        }
        return false;
    }
}
