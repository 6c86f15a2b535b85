namespace XpraAes.Transports;

/// <summary>One way to carry packets between two xpra programs. Each is one file and one line in <see cref="TransportTable"/>.</summary>
/// <param name="kind">Its name in an <see cref="XpraEndpoint"/>.</param>
/// <param name="scheme">The scheme of its URIs.</param>
internal abstract class Transport(TransportKind kind, string scheme)
{
    /// <summary>Its name in an <see cref="XpraEndpoint"/>.</summary>
    public TransportKind Kind => kind;

    /// <summary>The scheme of its URIs, as we write it.</summary>
    public string Scheme => scheme;

    /// <summary>The port of a URI without one; 0 if the transport has no ports.</summary>
    public virtual int DefaultPort => 0;

    /// <summary>The URI of an endpoint, without options.</summary>
    public virtual string ToUri(XpraEndpoint endpoint) => $"{scheme}://{endpoint.HostAndPort}{endpoint.Path ?? "/"}";

    /// <summary>Connects to an endpoint; the second value is the peer's address.</summary>
    /// <exception cref="XpraAesException">ConnectionRefused, HostUnreachable, ConnectTimeout; with a transport handshake also HandshakeTimeout, ConnectionLost and its own.</exception>
    public abstract Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken);

    /// <summary>Whether a client whose first 1 to <see cref="TransportTable.PeekSize"/> bytes are these uses this transport. False for transports without a handshake.</summary>
    public virtual bool Recognizes(ReadOnlySpan<byte> first) => false;

    /// <summary>The server side of its handshake; returns the stream of packets, or null if the client wanted no more than it has been answered.</summary>
    /// <param name="stream">The accepted connection, of which nothing has been read.</param>
    /// <param name="options">What is accepted.</param>
    /// <param name="cancellationToken">Cancels it; also carries the timeout.</param>
    /// <exception cref="XpraAesException">The client was rejected, and has been answered.</exception>
    public virtual Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken) => Task.FromResult<Stream?>(stream);

    /// <summary>Connects by TCP, and then runs a handshake of the transport's own within the same timeout.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="handshake">The handshake on the TCP stream.</param>
    /// <param name="timeout">For the connection, and again for the handshake.</param>
    /// <param name="noAnswer">What the server did not do in time.</param>
    /// <param name="closed">When the server closed the connection.</param>
    /// <param name="action">What to do about both.</param>
    /// <param name="limits">For keep-alive.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    protected static async Task<(Stream Stream, string Peer)> ConnectOverTcpAsync(
        XpraEndpoint endpoint, Func<Stream, CancellationToken, Task<Stream>> handshake, TimeSpan timeout, string noAnswer, string closed, string action, Limits limits, CancellationToken cancellationToken)
    {
        var (stream, peer) = await TransportTable.ConnectAsync(endpoint with { Transport = TransportKind.Tcp }, [], timeout, limits, cancellationToken).ConfigureAwait(false);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            return (await handshake(stream, deadline.Token).ConfigureAwait(false), peer);
        }
        catch (Exception e)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
                throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not {noAnswer} within {timeout.TotalSeconds:0.#} s.", action);
            if (e is IOException)
                throw new XpraAesException(XpraErrorId.ConnectionLost, $"The server closed the connection {closed}.", action, e);
            throw;
        }
    }
}
