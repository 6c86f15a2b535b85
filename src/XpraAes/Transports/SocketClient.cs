using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>A client on a socket. Its first bytes determine the transport.</summary>
internal sealed class SocketClient(Socket socket) : AcceptedClient
{
    private ReadOnlyMemory<byte> _read;

    public override IPAddress Source => Header?.Source?.Address ?? AddressText.SourceOf(socket);

    public override string Peer => AddressText.Of(Header?.Source ?? socket.RemoteEndPoint);

    public override ProxyHeader Announcement => IsAnnounced ? Header! : ProxyHeader.Between(socket);

    public override long Descriptor => socket.SafeHandle.DangerousGetHandle();

    public override bool IsSameUser => UnixPeer.IsSameUser(socket);

    public override Stream Stream => new SocketStream(socket);

    public override void DetectLoss(Limits limits) => KeepAlive.Enable(socket, limits);

    public override async Task<bool> ReadHeaderAsync(bool isRequired, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            using var stream = new NetworkStream(socket, ownsSocket: false);
            (Header, _read) = await ProxyHeader.ReadAsync(stream, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.ProxyHeaderInvalid, $"The PROXY header was not complete within {timeout.TotalSeconds:0.#} s.", "Check that the trusted source sends one: HAProxy's send-proxy or send-proxy-v2.");
        }
        if (Header is null && isRequired && !_read.IsEmpty)
            throw new XpraAesException(XpraErrorId.ProxyHeaderInvalid, "The connection does not begin with a PROXY header.", "Have the trusted source send one: HAProxy's send-proxy or send-proxy-v2.");
        return Header is not null || !_read.IsEmpty;
    }

    public override Task<Stream?> AcceptAsync(AcceptOptions options, CancellationToken cancellationToken)
        => TransportTable.AcceptAsync(socket, options, cancellationToken, Header?.Source?.Address, _read);

    public override void Dispose() => socket.Dispose();
}
