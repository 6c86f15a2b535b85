using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>xpra's packets directly over TCP.</summary>
internal sealed class TcpTransport() : Transport(TransportKind.Tcp, "tcp")
{
    public override int DefaultPort => ProtocolDefaults.Port;

    public override Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => SocketConnection.OpenAsync(static () => new Socket(SocketType.Stream, ProtocolType.Tcp), IPAddress.TryParse(endpoint.Host, out var address) ? new IPEndPoint(address, endpoint.Port) : new DnsEndPoint(endpoint.Host, endpoint.Port), endpoint, timeout, limits, cancellationToken);

    /// <summary>Binds a port and starts listening, unless systemd has passed a socket that does; port 0 takes a free one.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable.</exception>
    public static ListeningSocket Listen(IPAddress address, int port, int backlog)
    {
        var endpoint = new IPEndPoint(address, port);
        if (ActivatedSockets.Take(endpoint) is var (passed, name))
            return new ListeningSocket(passed, new XpraEndpoint(TransportKind.Tcp, ((IPEndPoint)passed.LocalEndPoint!).Address.ToString(), port), name);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(endpoint);
            socket.Listen(backlog);
            // The endpoint is stored, since a closed socket no longer has its port.
            return new ListeningSocket(socket, new XpraEndpoint(TransportKind.Tcp, address.ToString(), ((IPEndPoint)socket.LocalEndPoint!).Port));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => ListeningSocket.InUse(endpoint.ToString(), "Choose another -Port, or stop the other program (ss -ltnp shows it).", e),
                SocketError.AccessDenied => ListeningSocket.Unavailable(endpoint.ToString(), $"This user is not allowed to listen on {endpoint}.", "Choose a port above 1023.", e),
                _ => ListeningSocket.Unavailable(endpoint.ToString(), $"Cannot listen on {endpoint} ({e.SocketErrorCode}).", "-BindAddress takes one of this machine's addresses, Loopback, Any or IPv6Any.", e),
            };
        }
    }
}
