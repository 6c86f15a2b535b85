using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace XpraAes.Transports;

/// <summary>The HTTP request and answer that turn a connection into a websocket (RFC 6455 section 4), with the subprotocol that xpra requires (PROTOCOL section 3).</summary>
internal static class WebSocketUpgrade
{
    /// <summary>Characters of a page's origin to show in messages; arbitrary.</summary>
    private const int MaxOriginLength = 100;

    /// <summary>How long a browser may take for its next request on the same connection; arbitrary, short because such a connection takes a place from others.</summary>
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(3);

    private const string Subprotocol = "binary", Version = "13";
    private const int KeySize = 16;

    /// <summary>
    /// The server side. Answers the request that begins with <paramref name="peeked"/>, and returns the stream inside the websocket.
    /// Throws <see cref="XpraAesException"/>: PeerIsHttp for anything but a websocket request for xpra, which gets a short text answer, and
    /// ConnectionLost. <paramref name="ct"/> carries the timeout. Only pages of the given origins may connect, since browsers let any page
    /// open websockets to the user's machine and network.
    /// </summary>
    public static async Task<WebSocketStream> AcceptAsync(Stream stream, ReadOnlyMemory<byte> peeked, IReadOnlyCollection<string> origins, CancellationToken ct)
    {
        var (head, rest) = await HttpHead.ReadAsync(stream, peeked, isAnswer: false, ct).ConfigureAwait(false);
        return await AcceptAsync(head, rest, stream, origin => Allows(origins, origin), ct).ConfigureAwait(false);
    }

    /// <summary>As the other, on a connection that also answers requests for pages, whose own scripts may connect too. Null: only pages were asked for, and the connection is done with.</summary>
    public static async Task<WebSocketStream?> AcceptAsync(Stream stream, IWebPages pages, WebVisitor visitor, IReadOnlyCollection<string> origins, CancellationToken ct)
    {
        var (head, rest) = await HttpHead.ReadAsync(stream, default, isAnswer: false, ct).ConfigureAwait(false);
        while (head is not null && !head.Has("Upgrade", "websocket"))
        {
            if (!await pages.AnswerAsync(head, stream, visitor, ct).ConfigureAwait(false))
                return null;
            using var idle = CancellationTokenSource.CreateLinkedTokenSource(ct);
            idle.CancelAfter(s_keepAlive);
            try
            {
                (head, rest) = await HttpHead.ReadAsync(stream, rest, isAnswer: false, idle.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is XpraAesException or IOException || e is OperationCanceledException && !ct.IsCancellationRequested)
            {
                return null;
            }
        }
        return await AcceptAsync(head, rest, stream, origin => pages.IsOwnOrigin(origin, visitor) || Allows(origins, origin), ct).ConfigureAwait(false);
    }

    private static async Task<WebSocketStream> AcceptAsync(HttpHead? head, ReadOnlyMemory<byte> rest, Stream stream, Func<string, bool> allows, CancellationToken ct)
    {
        if (FindProblem(head, allows) is (var status, var problem))
        {
            await RefuseAsync(stream, status, ct).ConfigureAwait(false);
            throw new XpraAesException(XpraErrorId.PeerIsHttp, $"The peer sent {problem}; it was answered {status}.",
                "Connect to this port with an xpra client, by tcp:// or ws://. For the browser client, name the origin of its page: -AllowOrigin.");
        }
        var answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Accept: {AcceptKey(head!.Field("Sec-WebSocket-Key"))}\r\nSec-WebSocket-Protocol: {Subprotocol}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), ct).ConfigureAwait(false);
        return new WebSocketStream(stream, masks: false, rest) { RequestPath = head.StartLine["GET ".Length..^" HTTP/1.1".Length] };
    }

    /// <summary>
    /// The client side. Requests a websocket at that path and returns the stream inside it. Throws <see cref="XpraAesException"/>:
    /// PeerIsHttp if the server offers no websocket for xpra there, what <see cref="PeerIdentification"/> finds if it does not speak HTTP,
    /// ConnectionLost, InvalidUri.
    /// </summary>
    public static async Task<WebSocketStream> ConnectAsync(Stream stream, string host, int port, string path, CancellationToken ct)
    {
        if (!path.StartsWith('/') || !HttpHead.IsPlain(path) || host.Length == 0 || !HttpHead.IsPlain(host))
            throw new XpraAesException(XpraErrorId.InvalidUri, "The host or path of the websocket's URI has characters that do not belong there.",
                "Percent-encode spaces and other special characters, and start the path with a slash.");
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeySize));
        var authority = host.Contains(':') && !host.StartsWith('[') ? $"[{host}]" : host;
        var request = string.Create(CultureInfo.InvariantCulture, $"GET {path} HTTP/1.1\r\nHost: {authority}:{port}\r\n")
            + $"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {Version}\r\nSec-WebSocket-Protocol: {Subprotocol}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), ct).ConfigureAwait(false);

        var (head, rest) = await HttpHead.ReadAsync(stream, default, isAnswer: true, ct).ConfigureAwait(false);
        if (head is null && !rest.Span.StartsWith("HTTP/"u8))
            throw PeerIdentification.Describe(rest.Span);
        var problem = head switch
        {
            null => "its answer is malformed or larger than 8 KB",
            _ when !head.StartLine.StartsWith("HTTP/1.1 101", StringComparison.Ordinal) => $"it answered '{PeerIdentification.Sanitize(head.StartLine)}'",
            _ when !head.Has("Upgrade", "websocket") || !head.Has("Connection", "Upgrade") => "it agreed to an upgrade, but not to a websocket",
            _ when head.Field("Sec-WebSocket-Accept") != AcceptKey(key) => "its accept key does not belong to our request",
            _ when head.Field("Sec-WebSocket-Protocol") != Subprotocol => $"it does not speak the subprotocol '{Subprotocol}'",
            _ when head.Field("Sec-WebSocket-Extensions").Length > 0 => "it uses an extension that we did not ask for",
            _ => null,
        };
        if (problem is not null)
            throw new XpraAesException(XpraErrorId.PeerIsHttp, $"The server offers no xpra websocket at {path}: {problem}.",
                "Check the port and the path, and that the xpra server allows websockets there (--html=on, or ws=yes for that socket).");
        return new WebSocketStream(stream, masks: true, rest);
    }

    private static (string Status, string Problem)? FindProblem(HttpHead? head, Func<string, bool> allows) => head switch
    {
        null => ("400 Bad Request", "an HTTP request that is malformed or larger than 8 KB"),
        _ when !head.StartLine.StartsWith("GET ", StringComparison.Ordinal) || !head.StartLine.EndsWith(" HTTP/1.1", StringComparison.Ordinal)
            => ("400 Bad Request", "an HTTP request other than GET by HTTP/1.1"),
        _ when !head.Has("Upgrade", "websocket") || !head.Has("Connection", "Upgrade") => ("426 Upgrade Required", "a plain HTTP request"),
        _ when head.Field("Sec-WebSocket-Version") != Version => ("426 Upgrade Required", "a websocket request of another version than 13"),
        _ when !Convert.TryFromBase64String(head.Field("Sec-WebSocket-Key"), new byte[KeySize], out var size) || size != KeySize
            => ("400 Bad Request", "a websocket request without a valid key"),
        _ when head.Fields.ContainsKey("Origin") && !allows(head.Field("Origin")) => ("403 Forbidden", $"a websocket request of a page of '{Shorten(PeerIdentification.Sanitize(head.Field("Origin")))}', which -AllowOrigin does not name"),
        _ when !head.Has("Sec-WebSocket-Protocol", Subprotocol) => ("403 Forbidden", $"a websocket request without the subprotocol '{Subprotocol}'"),
        _ => null,
    };

    private static bool Allows(IReadOnlyCollection<string> origins, string origin)
        => WebOrigin.Normalize(origin) is { } page && origins.Any(allowed => WebOrigin.Normalize(allowed) == page);

    private static string Shorten(string text) => text.Length <= MaxOriginLength ? text : $"{text[..MaxOriginLength]}…";

    private static async Task RefuseAsync(Stream stream, string status, CancellationToken ct)
    {
        const string Text = "This port speaks xpra. Connect to it with an xpra client.\n";
        var answer = $"HTTP/1.1 {status}\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {Version}\r\n"
            + $"Content-Type: text/plain\r\nContent-Length: {Text.Length.ToString(CultureInfo.InvariantCulture)}\r\n\r\n{Text}";
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), ct).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The peer did not wait for the answer; the caller still reports what it asked for.
        }
    }

    /// <summary>RFC 6455 section 4.2.2, with its constant GUID.</summary>
    private static string AcceptKey(string key) =>
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));

}
