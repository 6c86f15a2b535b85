using System.Net;

namespace XpraAes.Transports;

/// <summary>What a listener accepts before the first packet.</summary>
internal sealed record AcceptOptions
{
    /// <summary>The transports that clients may use; empty for all.</summary>
    public IReadOnlyCollection<TransportKind> Transports { get; init; } = [];

    /// <summary>The keys that TLS clients may have.</summary>
    public IReadOnlyList<XpraKey> Keys { get; init; } = [];

    /// <summary>The origins of the web pages that may connect.</summary>
    public IReadOnlyCollection<string> Origins { get; init; } = [];

    /// <summary>The certificate that TLS clients without a pre-shared key get; null refuses them.</summary>
    public ServerCertificate? Certificate { get; init; }

    /// <summary>Called before a TLS handshake with that certificate: its private key is used for anyone who asks.</summary>
    public Action TlsStarting { get; init; } = static () => { };

    /// <summary>The pages for browsers; null for none.</summary>
    public IWebPages? Pages { get; init; }

    /// <summary>The client's address, for <see cref="Pages"/>.</summary>
    public IPAddress Source { get; init; } = IPAddress.None;

    /// <summary>Whether the client's bytes have not left this machine, for <see cref="Pages"/>.</summary>
    public bool IsLoopback { get; init; }

    /// <summary>Sets the time that is left, for <see cref="Pages"/>.</summary>
    public Action<TimeSpan> Extend { get; init; } = static _ => { };

    /// <summary>The time for the client's first bytes, and for the transport's handshake.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>Whether clients may use this transport.</summary>
    public bool Allows(TransportKind transport) => Transports.Count == 0 || Transports.Contains(transport);

    /// <summary>Throws TransportRefused if clients may not use this transport.</summary>
    public void Require(Transport transport)
    {
        if (!Allows(transport.Kind))
            throw new XpraAesException(XpraErrorId.TransportRefused, $"The client came by {transport.Scheme}, and this listener accepts only {string.Join(", ", Transports)}.");
    }
}
