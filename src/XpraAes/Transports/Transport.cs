namespace XpraAes.Transports;

/// <summary>One way to carry bytes between two xpra programs. Each is one file and one line in <see cref="TransportTable"/>.</summary>
/// <param name="kind">Its name in an <see cref="XpraEndpoint"/>.</param>
/// <param name="scheme">The scheme of its URIs.</param>
internal abstract class Transport(TransportKind kind, string scheme)
{
    /// <summary>Its name in an <see cref="XpraEndpoint"/>.</summary>
    public TransportKind Kind => kind;

    /// <summary>The scheme of its URIs, as we write it.</summary>
    public string Scheme => scheme;

    /// <summary>The port of a URI that names none; 0 where the transport has no ports.</summary>
    public virtual int DefaultPort => 0;

    /// <summary>The URI of an endpoint, without options.</summary>
    public virtual string ToUri(XpraEndpoint endpoint) => $"{scheme}://{endpoint.HostAndPort}{endpoint.Path ?? "/"}";

    /// <summary>Connects to an endpoint, within the timeout. The second value is the peer's address.</summary>
    /// <exception cref="XpraAesException">ConnectionRefused, HostUnreachable, ConnectTimeout; HandshakeTimeout, ConnectionLost and the transport's own where it has a handshake.</exception>
    public abstract Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, TimeSpan timeout, Limits limits, CancellationToken cancellationToken);

    /// <summary>Whether a client that begins with these bytes, 1 to <see cref="TransportTable.PeekSize"/>, speaks it. False for what carries xpra's packets as they are.</summary>
    public virtual bool Recognizes(ReadOnlySpan<byte> first) => false;

    /// <summary>The server's side of its handshake: the stream inside.</summary>
    /// <param name="stream">The accepted connection, of which nothing has been read.</param>
    /// <param name="origins">The origins of the web pages that may connect.</param>
    /// <param name="cancellationToken">Ends it; the time it may take too.</param>
    /// <exception cref="XpraAesException">The client does not get in; it has been answered.</exception>
    public virtual Task<Stream> AcceptAsync(Stream stream, IReadOnlyCollection<string> origins, CancellationToken cancellationToken) => Task.FromResult(stream);
}
