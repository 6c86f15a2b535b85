using XpraAes.Administration;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>
/// Reads the ciphers of a server's attached clients from its information, as <c>xpra info | grep cipher=</c> shows them (PROTOCOL section 4).
/// <code>
/// client.connection.input.cipher=AES-CBC           one client; input is what the server receives
/// client.connection.input.cipher.padding=PKCS#7
/// client.0.connection.output.cipher=AES-CBC        one of several
/// </code>
/// 3.1 writes AES for AES-CBC, and has dotted keys instead of nested dictionaries.
/// </summary>
internal static class RemoteCiphers
{
    /// <summary>Asks a server, by a request that opens no session; a server that refuses requests, such as a proxy server, is asked within a session.</summary>
    /// <exception cref="XpraAesException">As <see cref="XpraConnector.ConnectAsync"/>.</exception>
    public static async Task<IReadOnlyList<CipherInfo>> GetAsync(ConnectOptions options, CancellationToken cancellationToken)
    {
        var endpoint = options.Endpoint.ToString();
        try
        {
            return Read(await XpraConnector.RequestInfoAsync(options, cancellationToken).ConfigureAwait(false), endpoint);
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.PeerDisconnected)
        {
            var uuid = Hello.NewUuid();
            return Read(await AskInSessionAsync(options with { Uuid = uuid }, cancellationToken).ConfigureAwait(false), endpoint, uuid);
        }
    }

    /// <summary>Two rows for each client in the answer, as seen from the server: Receive is its input, Send its output.</summary>
    /// <param name="info">The server's answer.</param>
    /// <param name="endpoint">The server's URI.</param>
    /// <param name="except">The uuid of the asking client, if it has a session itself.</param>
    public static IReadOnlyList<CipherInfo> Read(XpraDictionary info, string endpoint, string? except = null)
        => [.. ServerInformation.Clients(ServerInformation.Normalize(info)).Where(client => except is null || client.Info.GetString("uuid") != except).SelectMany(client => Rows(client.Number, client.Info, endpoint))];

    /// <summary>Asks within a session without a display, which does not disturb other sessions.</summary>
    private static async Task<XpraDictionary> AskInSessionAsync(ConnectOptions options, CancellationToken cancellationToken)
    {
        var connection = await XpraConnector.ConnectAsync(options, cancellationToken).ConfigureAwait(false);
        await using var closing = connection.ConfigureAwait(false);
        try
        {
            return await connection.RequestInfoAsync(options.Timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"{options.Endpoint}: the server reported no information within {options.Timeout.TotalSeconds:0.#} s.", "Its administrator may have turned that off (info=no).", e) { Target = options.Endpoint.ToString() };
        }
    }

    private static IEnumerable<CipherInfo> Rows(int number, XpraDictionary client, string endpoint)
    {
        var connection = client.GetDictionary("connection")!;
        // xpra says unix-domain, where its URIs say socket.
        var transport = connection.GetString("type") is "unix-domain" ? TransportKind.Unix : TransportTable.WithScheme(connection.GetString("type") ?? "")?.Kind;
        // What an XpraAes listener reports of its own sealed connections.
        var isSealed = transport == TransportKind.TlsPsk;
        // The first packet is an unencrypted hello, which does not prove the key.
        var decrypted = connection.GetDictionary("input")?.GetInteger("packetcount") > 1;
        foreach (var (direction, name) in new[] { (CipherDirection.Send, "output"), (CipherDirection.Receive, "input") })
        {
            var cipher = connection.GetDictionary(name)?["cipher"];
            var mode = ServerInformation.ModeOf(cipher);
            yield return new CipherInfo
            {
                Connection = number,
                Direction = direction,
                Endpoint = endpoint,
                Transport = transport,
                Cipher = mode is null ? "none" : "AES",
                Mode = mode,
                Protocol = mode is null ? null : isSealed ? CipherInfo.Sealed : CipherInfo.Xpra,
                Authenticated = mode is not null && isSealed,
                ForwardSecrecy = mode is not null && isSealed,
                Padding = mode is null ? null : mode == AesMode.CBC ? (cipher as XpraDictionary)?.GetString("padding") : "none",
                BlockSize = mode is null or AesMode.CBC ? null : 0,
                KeyProven = mode is not null && (decrypted || isSealed),
                Peer = ServerInformation.AddressOf(connection["endpoint"]) ?? "unknown",
                PeerVersion = client.GetString("version") is { Length: > 0 } version ? PeerIdentification.Sanitize(version) : null,
            };
        }
    }
}
