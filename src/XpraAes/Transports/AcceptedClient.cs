using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>A client that has connected, and of which nothing has been read.</summary>
internal abstract class AcceptedClient : IDisposable
{
    /// <summary>Its address, or the one that a proxy has announced; <see cref="IPAddress.None"/> if it has none, as on this machine's own sockets and pipes.</summary>
    public virtual IPAddress Source => IPAddress.None;

    /// <summary>Its address as text.</summary>
    /// <exception cref="SocketException">It has left already.</exception>
    public abstract string Peer { get; }

    /// <summary>The PROXY header with which the connection began; null if there was none.</summary>
    public ProxyHeader? Header { get; protected set; }

    /// <summary>Whether a proxy has announced <see cref="Source"/>.</summary>
    public bool IsAnnounced => Header?.Source is not null;

    /// <summary>What a PROXY header for a further server says about it.</summary>
    public virtual ProxyHeader Announcement => new(null, null);

    /// <summary>Reads the PROXY header of a trusted proxy, whose client's address then is <see cref="Source"/>. False: the proxy has closed the connection before a byte, as a health check does.</summary>
    /// <param name="isRequired">Whether a connection without a header is refused.</param>
    /// <param name="timeout">For the whole header.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="XpraAesException">ProxyHeaderInvalid, ConnectionLost.</exception>
    public virtual Task<bool> ReadHeaderAsync(bool isRequired, TimeSpan timeout, CancellationToken cancellationToken) => throw new NotSupportedException("Named pipes have no proxies.");

    /// <summary>The number of its descriptor where the system assigns the lowest free one; otherwise 0.</summary>
    public virtual long Descriptor => 0;

    /// <summary>Whether a process of this process' user, or of root, has opened it. Known only for Unix sockets; false elsewhere.</summary>
    public virtual bool IsSameUser => false;

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
