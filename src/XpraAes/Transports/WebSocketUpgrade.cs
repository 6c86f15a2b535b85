using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace XpraAes.Transports;

/// <summary>The HTTP request and answer that turn a connection into a websocket (RFC 6455 section 4), with the subprotocol that xpra requires (PROTOCOL section 3).</summary>
internal static class WebSocketUpgrade
{
    /// <summary>Largest request or answer in bytes, header fields included; arbitrary, browsers send under 2 KB.</summary>
    public const int MaxHeadSize = 8 * 1024;

    /// <summary>Characters of a page's origin to show in messages; arbitrary.</summary>
    private const int MaxOriginLength = 100;

    private const string Subprotocol = "binary", Version = "13";
    private const int KeySize = 16;

    private static ReadOnlySpan<byte> EndOfHead => "\r\n\r\n"u8;

    /// <summary>
    /// The server side. Answers the request that begins with <paramref name="peeked"/>, and returns the stream inside the websocket.
    /// Throws <see cref="XpraAesException"/>: PeerIsHttp for anything but a websocket request for xpra, which gets a short text answer, and
    /// ConnectionLost. <paramref name="ct"/> carries the timeout. Only pages of the given origins may connect, since browsers let any page
    /// open websockets to the user's machine and network.
    /// </summary>
    public static async Task<WebSocketStream> AcceptAsync(Stream stream, ReadOnlyMemory<byte> peeked, IReadOnlyCollection<string> origins, CancellationToken ct)
    {
        var (head, rest) = await ReadHeadAsync(stream, peeked, isAnswer: false, ct).ConfigureAwait(false);
        if (FindProblem(head, origins) is (var status, var problem))
        {
            await RefuseAsync(stream, status, ct).ConfigureAwait(false);
            throw new XpraAesException(XpraErrorId.PeerIsHttp, $"The peer sent {problem}; it was answered {status}.",
                "Connect to this port with an xpra client, by tcp:// or ws://. For the browser client, name the origin of its page: -AllowOrigin.");
        }
        var answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Accept: {AcceptKey(head!.Field("Sec-WebSocket-Key"))}\r\nSec-WebSocket-Protocol: {Subprotocol}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), ct).ConfigureAwait(false);
        return new WebSocketStream(stream, masks: false, rest);
    }

    /// <summary>
    /// The client side. Requests a websocket at that path and returns the stream inside it. Throws <see cref="XpraAesException"/>:
    /// PeerIsHttp if the server offers no websocket for xpra there, what <see cref="PeerIdentification"/> finds if it does not speak HTTP,
    /// ConnectionLost, InvalidUri.
    /// </summary>
    public static async Task<WebSocketStream> ConnectAsync(Stream stream, string host, int port, string path, CancellationToken ct)
    {
        if (!path.StartsWith('/') || !IsPlain(path) || host.Length == 0 || !IsPlain(host))
            throw new XpraAesException(XpraErrorId.InvalidUri, "The host or path of the websocket's URI has characters that do not belong there.",
                "Percent-encode spaces and other special characters, and start the path with a slash.");
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeySize));
        var authority = host.Contains(':') && !host.StartsWith('[') ? $"[{host}]" : host;
        var request = string.Create(CultureInfo.InvariantCulture, $"GET {path} HTTP/1.1\r\nHost: {authority}:{port}\r\n")
            + $"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {Version}\r\nSec-WebSocket-Protocol: {Subprotocol}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), ct).ConfigureAwait(false);

        var (head, rest) = await ReadHeadAsync(stream, default, isAnswer: true, ct).ConfigureAwait(false);
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

    private static (string Status, string Problem)? FindProblem(Head? head, IReadOnlyCollection<string> origins) => head switch
    {
        null => ("400 Bad Request", "an HTTP request that is malformed or larger than 8 KB"),
        _ when !head.StartLine.StartsWith("GET ", StringComparison.Ordinal) || !head.StartLine.EndsWith(" HTTP/1.1", StringComparison.Ordinal)
            => ("400 Bad Request", "an HTTP request other than GET by HTTP/1.1"),
        _ when !head.Has("Upgrade", "websocket") || !head.Has("Connection", "Upgrade") => ("426 Upgrade Required", "a plain HTTP request"),
        _ when head.Field("Sec-WebSocket-Version") != Version => ("426 Upgrade Required", "a websocket request of another version than 13"),
        _ when !Convert.TryFromBase64String(head.Field("Sec-WebSocket-Key"), new byte[KeySize], out var size) || size != KeySize
            => ("400 Bad Request", "a websocket request without a valid key"),
        _ when head.Fields.ContainsKey("Origin") && !Allows(origins, head.Field("Origin")) => ("403 Forbidden", $"a websocket request of a page of '{Shorten(PeerIdentification.Sanitize(head.Field("Origin")))}', which -AllowOrigin does not name"),
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

    /// <summary>Reads up to the empty line. Returns the head and the bytes after it, or null and everything read if it is not HTTP or too long.</summary>
    private static async Task<(Head? Head, ReadOnlyMemory<byte> Remainder)> ReadHeadAsync(
        Stream stream, ReadOnlyMemory<byte> peeked, bool isAnswer, CancellationToken ct)
    {
        var buffer = new byte[Math.Max(MaxHeadSize, peeked.Length)];
        peeked.CopyTo(buffer);
        var length = peeked.Length;
        while (true)
        {
            var data = buffer.AsMemory(0, length);
            if (!MayBeHttp(data.Span, isAnswer))
                return (null, data);
            var end = data.Span.IndexOf(EndOfHead);
            if (end >= 0 && end <= MaxHeadSize - EndOfHead.Length)
                return Head.Parse(data.Span[..end]) is { } head ? (head, data[(end + EndOfHead.Length)..]) : (null, data);
            if (length >= MaxHeadSize)
                return (null, data);
            var count = await stream.ReadAsync(buffer.AsMemory(length, MaxHeadSize - length), ct).ConfigureAwait(false);
            if (count == 0)
                throw new XpraAesException(XpraErrorId.ConnectionLost, "The peer closed the connection in the middle of an HTTP request or answer.");
            length += count;
        }
    }

    /// <summary>Whether the first line, as far as it has arrived, can be HTTP, so that a peer of another protocol is detected at once.</summary>
    private static bool MayBeHttp(ReadOnlySpan<byte> data, bool isAnswer)
    {
        var end = data.IndexOfAnyExceptInRange((byte)' ', (byte)'~');
        return end < 0 || (data[end] == '\r' && (!isAnswer || data.StartsWith("HTTP/"u8)));
    }

    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange('!', '~');

    /// <summary>A start line and its header fields; repeated fields are joined to one list.</summary>
    private sealed record Head(string StartLine, Dictionary<string, string> Fields)
    {
        public static Head? Parse(ReadOnlySpan<byte> data)
        {
            var lines = Encoding.Latin1.GetString(data).Split("\r\n");
            var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var line in lines.AsSpan(1))
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon <= 0 || !IsPlain(line[..colon]))
                    return null;
                var (name, value) = (line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
                fields[name] = fields.TryGetValue(name, out var before) ? $"{before}, {value}" : value;
            }
            return new(lines[0], fields);
        }

        public string Field(string name) => Fields.GetValueOrDefault(name, "");

        /// <summary>Whether a comma-separated field contains that word, ignoring case.</summary>
        public bool Has(string name, string word) =>
            Field(name).Split(',', StringSplitOptions.TrimEntries).Contains(word, StringComparer.OrdinalIgnoreCase);
    }
}
