using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>
/// The pages that browsers get from a listener: one of ours, which asks for the key, and the files of xpra's browser client. Only over TLS,
/// under a name that the certificate has, or on loopback under its own names: a page of another name that resolves to this address gets nothing.
/// </summary>
internal sealed class WebPages : IWebPages
{
    private const string OurPrefix = "/xpra-aes/", Settings = "/default-settings.txt";
    private const string NotAPage = "This port speaks xpra. Connect to it with an xpra client.\n";

    /// <summary>Time for a client to take each part of an answer, of <see cref="PartSize"/> bytes; arbitrary.</summary>
    private static readonly TimeSpan s_partTimeout = TimeSpan.FromSeconds(10);

    private const int PartSize = 64 * 1024;

    /// <summary>For our own page: nothing but its own script and style, and no frame around it.</summary>
    private const string OurPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

    private static readonly string[] s_loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

    private readonly WebRoot _root;
    private readonly ServerCertificate? _certificate;
    private readonly string[] _namedOrigins;
    private readonly int _port;
    private readonly WebQuota _quota;
    private readonly byte[] _key;

    public WebPages(ListenerOptions options, int port, ServerCertificate? certificate)
    {
        _root = new WebRoot(options.WebRoot!);
        _certificate = certificate;
        _namedOrigins = [.. options.AllowedOrigins.Select(WebOrigin.Normalize).OfType<string>()];
        _port = port;
        _quota = new WebQuota(options.Limits, options.Clock);
        _key = KeyFacts(options.Key);
    }

    public bool IsOwnOrigin(string origin, WebVisitor visitor)
        => WebOrigin.Normalize(origin) is { } page && Uri.TryCreate(page, UriKind.Absolute, out var uri) && uri.Scheme == SchemeOf(visitor) && uri.Port == _port && IsOurName(uri.IdnHost, visitor);

    public async Task<bool> AnswerAsync(HttpHead request, Stream stream, WebVisitor visitor, CancellationToken cancellationToken)
    {
        visitor.Extend(s_partTimeout);
        var answer = Answer(request, visitor);
        // A body would be taken for the next request.
        var keepsAlive = request.Request is { IsHttp10: false } && !request.Has("Connection", "close")
            && !request.Fields.ContainsKey("Content-Length") && !request.Fields.ContainsKey("Transfer-Encoding") && answer.KeepsAlive;
        await using var content = answer.Content.ConfigureAwait(false);
        try
        {
            await SendAsync(answer, request.Request is { IsHead: true }, keepsAlive, stream, visitor, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            return false; // the browser has gone
        }
        return keepsAlive;
    }

    private async Task SendAsync(WebAnswer answer, bool isHead, bool keepsAlive, Stream stream, WebVisitor visitor, CancellationToken cancellationToken)
    {
        var head = answer.FormatHead(keepsAlive);
        // One write for the head and what fits beside it: most files are small.
        var part = new byte[PartSize];
        var length = head.Length;
        head.CopyTo(part, 0);
        var left = isHead ? 0 : answer.Content.Length;
        do
        {
            var count = (int)Math.Min(left, PartSize - length);
            await answer.Content.ReadExactlyAsync(part.AsMemory(length, count), cancellationToken).ConfigureAwait(false);
            visitor.Extend(s_partTimeout);
            await stream.WriteAsync(part.AsMemory(0, length + count), cancellationToken).ConfigureAwait(false);
            left -= count;
            length = 0;
            _quota.AddBytes(visitor.Source, count);
        }
        while (left > 0);
    }

    private WebAnswer Answer(HttpHead request, WebVisitor visitor)
    {
        if (request.Request is not { } line)
            return WebAnswer.Text("400 Bad Request", NotAPage) with { KeepsAlive = false };
        if (!line.OnlyReads)
            return WebAnswer.Text("405 Method Not Allowed", NotAPage, ("Allow", "GET, HEAD")) with { KeepsAlive = false };
        if (!_quota.TryAddRequest(visitor.Source))
            return WebAnswer.Text("429 Too Many Requests", "Too many requests from this address: try again in a minute.\n", ("Retry-After", "60")) with { KeepsAlive = false };
        var host = request.Field("Host");
        if (!visitor.IsSecure && !visitor.IsLoopback)
            return Elsewhere(host, line.Target);
        if (!Uri.TryCreate($"{SchemeOf(visitor)}://{host}/", UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0 || !IsOurName(uri.IdnHost, visitor) && !IsNamed(uri))
        {
            var names = visitor.IsSecure ? _certificate!.DnsName : s_loopbackNames;
            return WebAnswer.Text("421 Misdirected Request", $"Use one of this server's names: {string.Join(", ", names)}.\n");
        }
        return Find(line.Path, request, $"{(visitor.IsSecure ? "wss" : "ws")}://{uri.Authority}");
    }

    /// <summary>A request in the clear from another machine: its key could be read, so it gets no page.</summary>
    private WebAnswer Elsewhere(string host, string target)
    {
        if (_certificate is not { } certificate)
            return WebAnswer.Text("426 Upgrade Required", NotAPage, ("Upgrade", "websocket")) with { KeepsAlive = false };
        // Only to a name of our own: whatever the request says must not send anyone elsewhere.
        var asked = Uri.TryCreate($"https://{host}/", UriKind.Absolute, out var uri) ? uri.IdnHost : "";
        var name = Matches(certificate, asked) ? asked : certificate.DnsName.FirstOrDefault(candidate => !candidate.StartsWith('*'), "");
        return name.Length == 0
            ? WebAnswer.Text("426 Upgrade Required", "Use https://.\n") with { KeepsAlive = false }
            : WebAnswer.Text("307 Temporary Redirect", "Use https://.\n", ("Location", string.Create(CultureInfo.InvariantCulture, $"https://{Bracket(name)}:{_port}{target}"))) with { KeepsAlive = false };
    }

    private WebAnswer Find(string path, HttpHead request, string websocket)
    {
        switch (path)
        {
            // Where the client goes when the session ends is a page of its own that asks for more, and is shown in its place.
            case "/" or "/connect.html":
                return Ours("connect.html", "text/html; charset=utf-8");
            case OurPrefix + "connect.js":
                return Ours("connect.js", "text/javascript; charset=utf-8");
            case OurPrefix + "connect.css":
                return Ours("connect.css", "text/css; charset=utf-8");
            case OurPrefix + "key.json":
                return WebAnswer.Of(_key, "application/json", ("Cache-Control", "no-store"));
            case Settings:
                return WebAnswer.Of(ReadSettings(), "text/plain; charset=utf-8", ("Cache-Control", "no-cache"));
        }
        // The client's scripts are in its page, it uses styles of its own and makes workers and pictures itself; it may connect nowhere but here.
        var policy = $"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; worker-src 'self' blob:; "
            + $"connect-src 'self' {websocket}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        return _root.Find(path, request) is { } file
            ? file with { Fields = [.. file.Fields, ("Content-Security-Policy", policy), ("Cache-Control", "no-cache")] }
            : WebAnswer.Text("404 Not Found", "There is no such page.\n");
    }

    /// <summary>The folder's own settings, if it has any, and ours: AES, and nothing about where to connect.</summary>
    private byte[] ReadSettings()
    {
        using var own = _root.Find(Settings, null)?.Content;
        var text = own is null ? "" : new StreamReader(own).ReadToEnd();
        return Encoding.UTF8.GetBytes($"{text.TrimEnd()}\n\nencryption = AES\n");
    }

    private static WebAnswer Ours(string name, string type)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return WebAnswer.Of(bytes, type, ("Content-Security-Policy", OurPolicy), ("Cache-Control", "no-cache"));
    }

    private static string SchemeOf(WebVisitor visitor) => visitor.IsSecure ? "https" : "http";

    private bool IsOurName(string host, WebVisitor visitor)
        => visitor.IsSecure ? _certificate is { } certificate && Matches(certificate, host) : visitor.IsLoopback && s_loopbackNames.Contains(Bracket(host));

    /// <summary>Whether it is the address of an origin that the listener was told to allow: a proxy's, for example.</summary>
    private bool IsNamed(Uri uri) => _namedOrigins.Contains(uri.GetLeftPart(UriPartial.Authority));

    private static bool Matches(ServerCertificate certificate, string host)
    {
        foreach (var name in certificate.DnsName)
        {
            if (name.Equals(host, StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(name, out var address) && IPAddress.TryParse(host, out var asked) && address.Equals(asked))
                return true;
            var dot = host.IndexOf('.', StringComparison.Ordinal);
            if (name.StartsWith("*.", StringComparison.Ordinal) && dot > 0 && host.AsSpan(dot).Equals(name.AsSpan(1), StringComparison.OrdinalIgnoreCase))
                return true;
        }
        return false;
    }

    private static string Bracket(string host) => host.Contains(':', StringComparison.Ordinal) && !host.StartsWith('[') ? $"[{host}]" : host;

    /// <summary>By what our page knows the key when it is typed. A guess at it costs more than one at a hello, which anyone can ask for.</summary>
    private static byte[] KeyFacts(XpraKey? key)
    {
        // The browser's clients take a key's characters for its bytes.
        if (key is null || key.Data.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
            return JsonSerializer.SerializeToUtf8Bytes(new { identity = (string?)null });
        return JsonSerializer.SerializeToUtf8Bytes(new
        {
            salt = TlsPskSecrets.Salt,
            iterations = TlsPskSecrets.Iterations,
            label = TlsPskSecrets.IdentityLabel("sha256"),
            identity = TlsPskSecrets.Of(key).Sha256.Identity.Split('-')[^1],
        });
    }
}
