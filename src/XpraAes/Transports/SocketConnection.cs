using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>Connects a socket with a timeout, and explains failures.</summary>
internal static class SocketConnection
{
    /// <summary>The stream of a new socket that is connected, which it owns, and the peer's address. The socket is closed on failure.</summary>
    /// <exception cref="XpraAesException">ConnectionRefused, AccessDenied, HostUnreachable, ConnectTimeout.</exception>
    public static async Task<(Stream Stream, string Peer)> OpenAsync(Func<Socket> create, EndPoint address, XpraEndpoint endpoint, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        Socket? socket = null;
        try
        {
            socket = create();
            await ConnectAsync(socket, address, deadline.Token).ConfigureAwait(false);
            KeepAlive.Enable(socket, limits);
            if (endpoint.SendsProxyHeader)
                await socket.SendAsync(endpoint.Proxied.ToBytes(), deadline.Token).ConfigureAwait(false);
            return (new SocketStream(socket), AddressText.Of(socket.RemoteEndPoint));
        }
        catch (Exception e)
        {
            socket?.Dispose();
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                throw new XpraAesException(XpraErrorId.ConnectTimeout, $"No connection came about within {timeout.TotalSeconds:0.#} s.",
                    "Check the address, and that no firewall drops packets to that port.");
            }
            if (e is SocketException failure)
                throw Explain(failure);
            throw;
        }
    }

    /// <summary>As <see cref="Socket.ConnectAsync(EndPoint, CancellationToken)"/>, whose objects .NET keeps as long as the socket.</summary>
    private static async Task ConnectAsync(Socket socket, EndPoint address, CancellationToken cancellationToken)
    {
        var connected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var operation = new SocketAsyncEventArgs { RemoteEndPoint = address };
        operation.Completed += (_, _) => connected.SetResult();
        cancellationToken.ThrowIfCancellationRequested();
        if (socket.ConnectAsync(operation))
        {
            using (cancellationToken.UnsafeRegister(_ => Socket.CancelConnectAsync(operation), null))
                await connected.Task.ConfigureAwait(false);
        }
        if (operation.SocketError == SocketError.OperationAborted)
            cancellationToken.ThrowIfCancellationRequested();
        if (operation.SocketError != SocketError.Success)
            throw new SocketException((int)operation.SocketError);
    }

    private static XpraAesException Explain(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => new XpraAesException(XpraErrorId.ConnectionRefused, "Nobody listens there.",
            "Check the port, and that the server is running and listens on this address (not only on its loopback).", e),
        SocketError.TimedOut => new XpraAesException(XpraErrorId.ConnectTimeout, "No connection came about.",
            "Check the address, and that no firewall drops packets to that port.", e),
        SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => new XpraAesException(XpraErrorId.HostUnreachable,
            "The host name does not resolve.", "Check its spelling.", e),
        SocketError.AddressNotAvailable or SocketError.NotSocket => new XpraAesException(XpraErrorId.ConnectionRefused, "There is no such socket.", "Check the path.", e),
        SocketError.TooManyOpenSockets => new XpraAesException(XpraErrorId.HostUnreachable, "This process has no file descriptor left for another connection.",
            "Raise its limit: ulimit -n, or LimitNOFILE= in its unit.", e),
        SocketError.AccessDenied => new XpraAesException(XpraErrorId.AccessDenied, "The system does not let this user connect there.",
            "A Unix socket is its owner's: connect as that user. Otherwise look for a firewall of this machine.", e),
        _ => new XpraAesException(XpraErrorId.HostUnreachable, $"The host cannot be reached ({e.SocketErrorCode}).", "Check the address and the network.", e),
    };
}
