namespace XpraAes.Transports;

/// <summary>Where clients are accepted: a TCP port, a Unix socket or a named pipe. Disposing of it ends that, and leaves the accepted clients alone.</summary>
internal interface IListeningPoint : IDisposable
{
    /// <summary>Where clients connect to; a wildcard address if it listens on all addresses.</summary>
    XpraEndpoint Endpoint { get; }

    /// <summary>The address and port, or the path, as text.</summary>
    string Address { get; }

    /// <summary>The name of the socket that systemd has passed for it; null if it is our own.</summary>
    string? Activation => null;

    /// <summary>Waits for the next client. One call at a time.</summary>
    /// <exception cref="ObjectDisposedException">It no longer listens.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">Or IOException, UnauthorizedAccessException: no client can be accepted for now.</exception>
    ValueTask<AcceptedClient> AcceptClientAsync(CancellationToken cancellationToken);
}
