using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>A client on a socket. Its first bytes determine the transport.</summary>
internal sealed class SocketClient(Socket socket) : AcceptedClient
{
    public override IPAddress Source => AddressText.SourceOf(socket);

    public override string Peer => AddressText.Of(socket.RemoteEndPoint);

    public override long Descriptor => socket.SafeHandle.DangerousGetHandle();

    public override Stream Stream => new NetworkStream(socket, ownsSocket: true);

    public override void DetectLoss(Limits limits) => KeepAlive.Enable(socket, limits);

    public override Task<Stream?> AcceptAsync(AcceptOptions options, CancellationToken cancellationToken) => TransportTable.AcceptAsync(socket, options, cancellationToken);

    public override void Dispose() => socket.Dispose();
}
