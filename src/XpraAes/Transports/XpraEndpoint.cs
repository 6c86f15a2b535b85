namespace XpraAes.Transports;

/// <summary>Where an xpra program listens.</summary>
/// <param name="Transport">What carries the packets.</param>
/// <param name="Host">The host name or address, an IPv6 address without brackets; empty for a Unix socket or named pipe.</param>
/// <param name="Port">The port; 0 for a Unix socket or named pipe.</param>
/// <param name="Path">The path of a Unix socket, the name of a pipe, or of the WebSocket's HTTP request; null elsewhere.</param>
public sealed record XpraEndpoint(TransportKind Transport, string Host, int Port, string? Path = null)
{
    /// <summary>The URI without options, as xpra writes it: <c>tcp://host:10000/</c>, <c>ws://[::1]:80/</c>, <c>socket:///run/xpra/socket</c>.</summary>
    public override string ToString() => TransportTable.Of(Transport).ToUri(this);

    /// <summary>How a client verifies the server of <c>ssl://</c> and <c>wss://</c>; null as <see cref="TlsTrust.Default"/>.</summary>
    public TlsTrust? Trust { get; init; }

    /// <summary>Whether the connection begins with a PROXY header of version 2: for a gateway's target that wants to know the client's address.</summary>
    public bool SendsProxyHeader { get; init; }

    /// <summary>What that header says; a program that connects for itself says so.</summary>
    internal ProxyHeader Proxied { get; init; } = ProxyHeader.ForItself;

    /// <summary>Whether it is one of this machine's own sockets or pipes, whose rights say who may use it.</summary>
    internal bool IsLocal => Transport is TransportKind.Unix or TransportKind.NamedPipe;

    /// <summary>Whether the server proves itself by a certificate.</summary>
    internal bool HasCertificate => Transport is TransportKind.Tls or TransportKind.WebSocketTls;

    /// <summary>Host and port, an IPv6 address in brackets.</summary>
    internal string HostAndPort => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
