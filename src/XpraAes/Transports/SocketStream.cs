using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>The stream of a connected socket, which it owns. Cancelling a write that has to wait closes the socket, since part of it may have been sent.</summary>
internal sealed class SocketStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
{
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        => cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken) : SocketSender.SendAsync(Socket, buffer, cancellationToken);
}
