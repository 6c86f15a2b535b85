using System.Net.Sockets;
using XpraAes.Listening;

namespace XpraAes.Connections;

/// <summary>Opens the byte stream under a connection.</summary>
internal static class Transport
{
    /// <summary>Connects to an endpoint. The second value is the peer's address.</summary>
    /// <exception cref="XpraAesException">ConnectionRefused, HostUnreachable, ConnectTimeout; for a WebSocket also HandshakeTimeout and those of <see cref="WebSocketUpgrade.ConnectAsync"/>.</exception>
    public static async Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        var (stream, peer) = await OpenAsync(endpoint, timeout, limits, cancellationToken).ConfigureAwait(false);
        return endpoint.Transport == TransportKind.WebSocket
            ? (await UpgradeAsync(stream, endpoint, timeout, cancellationToken).ConfigureAwait(false), peer)
            : (stream, peer);
    }

    private static async Task<Stream> UpgradeAsync(NetworkStream stream, XpraEndpoint endpoint, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            return await WebSocketUpgrade.ConnectAsync(stream, endpoint.Host, endpoint.Port, endpoint.Path ?? "/", deadline.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not answer the websocket request within {timeout.TotalSeconds:0.#} s.",
                    "Use tcp:// in place of ws://, or start the server with --html=on.");
            }
            if (e is IOException)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The server closed the connection on a websocket request.", "Use tcp:// in place of ws://, or start the server with --html=on.", e);
            throw;
        }
    }

    private static async Task<(NetworkStream Stream, string Peer)> OpenAsync(XpraEndpoint endpoint, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        var socket = endpoint.Transport == TransportKind.Unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endpoint.Transport == TransportKind.Unix)
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.Path!), deadline.Token).ConfigureAwait(false);
            else
                await socket.ConnectAsync(endpoint.Host, endpoint.Port, deadline.Token).ConfigureAwait(false);
            KeepAlive.Enable(socket, limits);
            return (new NetworkStream(socket, ownsSocket: true), Name(socket, endpoint));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            socket.Dispose();
            throw new XpraAesException(XpraErrorId.ConnectTimeout, $"No connection came about within {timeout.TotalSeconds:0.#} s.",
                "Check the address, and that no firewall drops packets to that port.");
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw Explain(e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Name(Socket socket, XpraEndpoint endpoint)
        => endpoint.Transport == TransportKind.Unix ? endpoint.Path! : AddressText.Of(socket.RemoteEndPoint);

    private static XpraAesException Explain(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => new XpraAesException(XpraErrorId.ConnectionRefused, "Nobody listens there.",
            "Check the port, and that the server runs and listens on this address (not only on its loopback).", e),
        SocketError.TimedOut => new XpraAesException(XpraErrorId.ConnectTimeout, "No connection came about.",
            "Check the address, and that no firewall drops packets to that port.", e),
        SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => new XpraAesException(XpraErrorId.HostUnreachable,
            "The host name does not resolve.", "Check its spelling.", e),
        SocketError.AddressNotAvailable or SocketError.NotSocket => new XpraAesException(XpraErrorId.ConnectionRefused, "There is no such socket.", "Check the path.", e),
        _ => new XpraAesException(XpraErrorId.HostUnreachable, $"The host cannot be reached ({e.SocketErrorCode}).", "Check the address and the network.", e),
    };
}
