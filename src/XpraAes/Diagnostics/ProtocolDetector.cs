using System.Net.Sockets;
using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>Identifies a peer that does not answer an xpra client, by an HTTP request and a TLS ClientHello.</summary>
internal static class ProtocolDetector
{
    /// <summary>TLS 1.2 ClientHello with two cipher suites and no extensions (RFC 5246 section 7.4.1.2). Any TLS server answers with a record, at least an alert.</summary>
    private static readonly byte[] s_clientHello =
    [
        0x16, 0x03, 0x01, 0x00, 0x2f, // handshake record of 47 bytes
        0x01, 0x00, 0x00, 0x2b, 0x03, 0x03, // ClientHello of 43 bytes, TLS 1.2
        .. "a probe needs no random bytes..."u8[..32],
        0x00, // no session
        0x00, 0x04, 0xc0, 0x2f, 0x00, 0x2f,
        0x01, 0x00, // no compression
    ];

    /// <summary>What the peer is, as an exception; null if it is silent or speaks an unknown protocol.</summary>
    public static async Task<XpraAesException?> IdentifyAsync(XpraEndpoint endpoint, TimeSpan timeout, CancellationToken cancellationToken)
    {
        byte[][] openings = ["GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), s_clientHello];
        var answers = await Task.WhenAll(openings.Select(opening => ListenAsync(endpoint, opening, timeout, cancellationToken))).ConfigureAwait(false);
        return answers.FirstOrDefault(answer => answer?.Id is XpraErrorId.PeerIsHttp or XpraErrorId.PeerIsTls) ?? answers.FirstOrDefault(answer => answer is not null);
    }

    private static async Task<XpraAesException?> ListenAsync(XpraEndpoint endpoint, byte[] opening, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            // Bypasses a handshake of the transport's own.
            var bare = endpoint.Transport is TransportKind.WebSocket or TransportKind.TlsPsk or TransportKind.Tls or TransportKind.WebSocketTls ? endpoint with { Transport = TransportKind.Tcp } : endpoint;
            var (stream, _) = await TransportTable.ConnectAsync(bare, [], timeout, Limits.Default, cancellationToken).ConfigureAwait(false);
            await using var closing = stream.ConfigureAwait(false);
            await stream.WriteAsync(opening, deadline.Token).ConfigureAwait(false);
            var greeting = new byte[PeerIdentification.GreetingSize];
            var length = await stream.ReadAsync(greeting, deadline.Token).ConfigureAwait(false);
            return length == 0 ? null : PeerIdentification.Describe(greeting.AsSpan(0, length));
        }
        catch (Exception e) when (e is XpraAesException or IOException or SocketException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
