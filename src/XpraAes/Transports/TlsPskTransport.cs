namespace XpraAes.Transports;

/// <summary>TLS 1.3 with a pre-shared key over TCP (docs/sealed.md).</summary>
internal sealed class TlsPskTransport() : Transport(TransportKind.TlsPsk, "tls-psk")
{
    /// <summary>The first byte of a TLS record that carries a handshake message (RFC 8446 section 5.1).</summary>
    private const byte HandshakeRecord = 22;

    public override int DefaultPort => ProtocolDefaults.Port;

    public override Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
        => ConnectOverTcpAsync(endpoint, async (stream, token) => await TlsPskHandshake.ConnectAsync(stream, keys, token).ConfigureAwait(false),
            timeout, "complete the TLS handshake", "during the TLS handshake", "Check the port: xpra's own servers do not speak TLS with a pre-shared key.", limits, cancellationToken);

    public override bool Recognizes(ReadOnlySpan<byte> first) => first[0] == HandshakeRecord;

    public override async Task<Stream?> AcceptAsync(Stream stream, AcceptOptions options, CancellationToken cancellationToken) => options.Keys.Count > 0
        ? await TlsPskHandshake.AcceptAsync(stream, options.Keys, cancellationToken).ConfigureAwait(false)
        : throw new XpraAesException(XpraErrorId.PeerIsTls, "The client speaks TLS, and this listener has no key to accept it with.");
}
