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

    /// <summary>The time for the client's first bytes, and for the transport's handshake.</summary>
    public required TimeSpan Timeout { get; init; }
}
