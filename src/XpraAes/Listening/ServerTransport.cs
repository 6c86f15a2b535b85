using System.Net.Sockets;
using XpraAes.Connections;

namespace XpraAes.Listening;

/// <summary>Finds out what an accepted socket speaks: xpra's packets at once, or HTTP that turns into a WebSocket (PROTOCOL section 3).</summary>
internal static class ServerTransport
{
    /// <summary>The stream of xpra's packets.</summary>
    /// <exception cref="XpraAesException">HandshakeTimeout where nothing comes, ConnectionLost, PeerIsHttp where a browser asks for a page.</exception>
    public static async Task<Stream> OpenAsync(Socket socket, Limits limits, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(limits.HandshakeTimeout);
        var stream = new NetworkStream(socket, ownsSocket: true);
        var first = new byte[1];
        try
        {
            if (await socket.ReceiveAsync(first, SocketFlags.Peek, deadline.Token).ConfigureAwait(false) == 0)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection before its hello.");
            return stream;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The client sent no hello within {limits.HandshakeTimeout.TotalSeconds:0.#} s.");
        }
    }
}
