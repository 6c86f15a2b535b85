using System.Globalization;
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
        => [.. Clients(Nest(info)).Where(client => except is null || client.Info.GetString("uuid") != except).SelectMany(client => Rows(client.Number, client.Info, endpoint))];

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

    private static IEnumerable<(int Number, XpraDictionary Info)> Clients(XpraDictionary info)
    {
        if (info.GetDictionary("client") is not { } client)
            yield break;
        if (client.GetDictionary("connection") is not null)
        {
            yield return (0, client);
            yield break;
        }
        foreach (var (key, value) in client)
        {
            if (value is XpraDictionary one && one.GetDictionary("connection") is not null && int.TryParse(Convert.ToString(key, CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                yield return (number, one);
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
            var mode = ModeOf(cipher);
            yield return new CipherInfo
            {
                Connection = number,
                Direction = direction,
                Endpoint = endpoint,
                Transport = transport,
                Cipher = mode is null ? "none" : "AES",
                Mode = mode,
                Protocol = mode is null ? null : isSealed ? CipherInfo.Tls : CipherInfo.Xpra,
                Authenticated = mode is not null && isSealed,
                ForwardSecrecy = mode is not null && isSealed,
                Padding = mode is null ? null : mode == AesMode.CBC ? (cipher as XpraDictionary)?.GetString("padding") : "none",
                BlockSize = mode is null or AesMode.CBC ? null : 0,
                KeyProven = mode is not null && (decrypted || isSealed),
                Peer = PeerOf(connection["endpoint"]),
                PeerVersion = client.GetString("version") is { Length: > 0 } version ? PeerIdentification.Sanitize(version) : null,
            };
        }
    }

    /// <summary>The mode from a separate key, or from the cipher's name, where <c>AES</c> means CBC; null without a cipher.</summary>
    private static AesMode? ModeOf(object? cipher)
    {
        var details = cipher as XpraDictionary ?? new XpraDictionary { [""] = cipher };
        if (!CipherNames.TryParseMode(details.GetString(""), out var mode))
            return null;
        return CipherNames.TryParseMode(details.GetString("mode"), out var separate) ? separate : mode;
    }

    /// <summary>xpra reports the peer as an address and port, or as text.</summary>
    private static string PeerOf(object? endpoint) => endpoint switch
    {
        object?[] { Length: >= 2 } parts when TextOf(parts[0]) is { } host => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{parts[1]}" : $"{host}:{parts[1]}",
        object?[] { Length: 1 } parts => TextOf(parts[0]) ?? "unknown",
        _ => TextOf(endpoint) ?? "unknown",
    };

    private static string? TextOf(object? value) => new XpraDictionary { [""] = value }.GetString("") is { Length: > 0 } text ? PeerIdentification.Sanitize(text) : null;

    /// <summary>Converts dotted keys to nested dictionaries; a value at an inner node gets the empty key, as in the nested form.</summary>
    private static XpraDictionary Nest(XpraDictionary info)
    {
        if (info.ContainsKey("client"))
            return info;
        var nested = new XpraDictionary();
        foreach (var (key, value) in info)
        {
            if (key is not string path || !path.StartsWith("client.", StringComparison.Ordinal))
                continue;
            var parts = path.Split('.');
            var level = nested;
            foreach (var part in parts[..^1])
            {
                if (level[part] is not XpraDictionary below)
                {
                    below = level.ContainsKey(part) ? new XpraDictionary { [""] = level[part] } : new XpraDictionary();
                    level[part] = below;
                }
                level = below;
            }
            if (level[parts[^1]] is XpraDictionary above)
                above[""] = value;
            else
                level[parts[^1]] = value;
        }
        return nested;
    }
}
