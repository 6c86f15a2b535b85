using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>A client that has connected, and of which nothing has been read.</summary>
internal abstract class AcceptedClient : IDisposable
{
    /// <summary>Its address; <see cref="IPAddress.None"/> if it has none, as on this machine's own sockets and pipes.</summary>
    public virtual IPAddress Source => IPAddress.None;

    /// <summary>Its address as text.</summary>
    /// <exception cref="SocketException">It has left already.</exception>
    public abstract string Peer { get; }

    /// <summary>The number of its descriptor where the system assigns the lowest free one; otherwise 0.</summary>
    public virtual long Descriptor => 0;

    /// <summary>The connection, without a handshake of its transport.</summary>
    public abstract Stream Stream { get; }

    /// <summary>Makes the system detect that it has vanished, where the connection leaves the machine.</summary>
    public virtual void DetectLoss(Limits limits)
    {
    }

    /// <summary>The stream of packets, after the handshake of its transport; null where a browser has got its pages.</summary>
    /// <exception cref="XpraAesException">As from <see cref="TransportTable.AcceptAsync"/>.</exception>
    public abstract Task<Stream?> AcceptAsync(AcceptOptions options, CancellationToken cancellationToken);

    public abstract void Dispose();
}
