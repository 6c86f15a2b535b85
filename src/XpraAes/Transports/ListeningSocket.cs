using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>A TCP port or a Unix socket on which clients are accepted.</summary>
internal sealed class ListeningSocket(Socket socket, XpraEndpoint endpoint, string? activation = null) : IListeningPoint
{
    public XpraEndpoint Endpoint => endpoint;

    public string Address => endpoint.Transport == TransportKind.Unix ? endpoint.Path! : AddressText.Of(new IPEndPoint(IPAddress.Parse(endpoint.Host), endpoint.Port));

    public string? Activation => activation;

    public ValueTask<Socket> AcceptAsync(CancellationToken cancellationToken) => socket.AcceptAsync(cancellationToken);

    public async ValueTask<AcceptedClient> AcceptClientAsync(CancellationToken cancellationToken) => new SocketClient(await AcceptAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>Closes it, and removes the file of a Unix socket of our own.</summary>
    public void Dispose()
    {
        socket.Dispose();
        if (endpoint.Transport != TransportKind.Unix || activation is not null)
            return;
        try
        {
            File.Delete(endpoint.Path!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The stale file does no harm: the next listener replaces it.
        }
    }

    /// <summary>An exception of id PortInUse.</summary>
    public static XpraAesException InUse(string target, string action, Exception? inner = null)
        => new(XpraErrorId.PortInUse, $"Another program is listening on {target}.", action, inner) { Target = target };

    /// <summary>An exception of id AddressUnavailable.</summary>
    public static XpraAesException Unavailable(string target, string message, string action, Exception? inner = null)
        => new(XpraErrorId.AddressUnavailable, message, action, inner) { Target = target };
}
