using System.Net;
using System.Net.Security;
using System.Text;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Transports;

namespace XpraAes.Fuzz.Targets;

/// <summary>What a browser sends first: TLS, a request's head, and the path of a page.</summary>
internal static class WebTargets
{
    private const int RecordHeaderSize = 5;
    private const string Secret = "nobody may read this";

    private static readonly Dictionary<string, string> s_files = new()
    {
        ["index.html"] = "<p>first",
        ["js/a b.js"] = "script",
        ["js/a b.js.gz"] = "packed",
        ["default-settings.txt"] = "min-quality = 10",
    };

    private static readonly string s_folder = CreateFolder();
    private static readonly WebRoot s_root = new(Path.Combine(s_folder, "www"));
    private static readonly WebPages s_pages = new(new ListenerOptions { Key = TlsTargets.Key, WebRoot = Path.Combine(s_folder, "www") }, 10000, certificate: null);

    /// <summary>Which kind of TLS a client wants depends neither on how the network cuts its hello, nor on how it is divided into records; and nothing after it is read.</summary>
    public static void TlsHello(byte[] input)
    {
        var whole = ReadHello(input, 0);
        Expect.Same(Describe(whole), Describe(ReadHello(input, input.Length + 1)), "The same hello in pieces is something else");
        if (whole is null)
            return;
        Expect.That(input.AsSpan().StartsWith(whole.Bytes.Span) && whole.Bytes.Length <= TlsClientHello.MaxSize, "What was read is not what came.");
        var again = Divide(whole.Bytes.Span, 1 + input.Length % 700);
        if (again.Length <= TlsClientHello.MaxSize)
            Expect.Same(whole.AsksForPreSharedKey, ReadHello(again, 0)?.AsksForPreSharedKey, "The same hello in other records is something else");
    }

    /// <summary>The head of a request or answer is the same in pieces, has no control characters, and what follows it is kept.</summary>
    public static void Head(byte[] input)
    {
        foreach (var isAnswer in new[] { false, true })
        {
            var (head, rest) = ReadHead(input, 0, isAnswer);
            var (again, _) = ReadHead(input, input.Length + 1, isAnswer);
            Expect.Same(Describe(head), Describe(again), "The same head in pieces is something else");
            Expect.That(input.AsSpan().EndsWith(rest.Span), "What follows the head has changed.");
            if (head is null)
                continue;
            foreach (var text in head.Fields.Keys.Concat(head.Fields.Values).Append(head.StartLine))
                Expect.That(!text.Any(c => char.IsControl(c) && c != '\t'), "A control character is in a head.");
        }
    }

    /// <summary>Whatever path is asked for: one of the folder's public files, or nothing.</summary>
    public static void PagePath(byte[] input)
    {
        var request = new HttpHead("GET / HTTP/1.1", new(StringComparer.OrdinalIgnoreCase) { ["Accept-Encoding"] = "gzip" });
        using var content = s_root.Find("/" + Encoding.Latin1.GetString(input).TrimStart('/'), request)?.Content;
        if (content is not null)
            Expect.That(s_files.ContainsValue(new StreamReader(content).ReadToEnd()), "Something else is given out than the folder's public files.");
    }

    /// <summary>Requests on one connection are answered in HTTP, with nothing that is not public, and never so that a line of the request becomes one of the answer.</summary>
    public static void Pages(byte[] input)
    {
        var stream = new PiecesStream(input, input.Length % 3);
        try
        {
            _ = WebSocketUpgrade.AcceptAsync(stream, s_pages, new WebVisitor(IPAddress.Loopback, IsLoopback: true, IsSecure: false, Extend: static _ => { }), [], default).GetAwaiter().GetResult();
        }
        finally
        {
            var answer = Encoding.Latin1.GetString(stream.Written.ToArray());
            Expect.That(answer.Length == 0 || answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal), "It answers HTTP with something else.");
            Expect.That(!answer.Contains(Secret, StringComparison.Ordinal) && !answer.Contains(s_folder, StringComparison.Ordinal), "A secret is given out.");
            Expect.That(!answer.Contains("X-Smuggled", StringComparison.OrdinalIgnoreCase), "A request's field is in an answer.");
        }
    }

    /// <summary>What .NET's own client sends first, which wants a certificate.</summary>
    public static byte[] CertificateHello()
    {
        var stream = new PiecesStream(default);
        using var tls = new SslStream(stream);
        try
        {
            tls.AuthenticateAsClientAsync("localhost").GetAwaiter().GetResult();
        }
        catch (IOException)
        {
            // There is no server.
        }
        return stream.Written.ToArray();
    }

    /// <summary>A hello in records of that size.</summary>
    public static byte[] Divide(ReadOnlySpan<byte> records, int size)
    {
        var message = new MemoryStream();
        for (var rest = records; !rest.IsEmpty;)
        {
            var length = rest[3] << 8 | rest[4];
            message.Write(rest.Slice(RecordHeaderSize, length));
            rest = rest[(RecordHeaderSize + length)..];
        }
        var divided = new MemoryStream();
        foreach (var part in message.ToArray().Chunk(size))
        {
            divided.Write([22, 3, 1, (byte)(part.Length >> 8), (byte)part.Length]);
            divided.Write(part);
        }
        return divided.ToArray();
    }

    private static TlsClientHello? ReadHello(byte[] input, int seed)
    {
        try
        {
            return TlsClientHello.ReadAsync(new PiecesStream(input, seed), default).GetAwaiter().GetResult();
        }
        catch (XpraAesException e) when (e.Id is XpraErrorId.TlsFailed or XpraErrorId.ConnectionLost)
        {
            return null;
        }
    }

    private static string Describe(TlsClientHello? hello) => hello is null ? "none" : $"{hello.AsksForPreSharedKey} {hello.Bytes.Length}";

    private static (HttpHead? Head, ReadOnlyMemory<byte> Remainder) ReadHead(byte[] input, int seed, bool isAnswer)
    {
        try
        {
            var (head, rest) = HttpHead.ReadAsync(new PiecesStream(input, seed), default, isAnswer, default).GetAwaiter().GetResult();
            // In one piece, all is read but what is beyond the largest head.
            return (head, head is null || seed != 0 ? default : (byte[])[.. rest.Span, .. input.AsSpan(Math.Min(input.Length, HttpHead.MaxSize))]);
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.ConnectionLost)
        {
            return (null, default);
        }
    }

    private static string Describe(HttpHead? head)
        => head is null ? "none" : string.Join('\n', head.Fields.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => $"{field.Key}: {field.Value}").Prepend(head.StartLine));

    private static string CreateFolder()
    {
        var folder = Directory.CreateTempSubdirectory("xpra-aes-fuzz-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        foreach (var (name, content) in s_files.Append(new("../secret.txt", Secret)).Append(new(".hidden", Secret)).Append(new("private.txt", Secret)))
        {
            var path = Path.GetFullPath(Path.Combine(folder, "www", name));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, name == "private.txt" ? UnixFileMode.UserRead : UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
        File.CreateSymbolicLink(Path.Combine(folder, "www", "out"), folder);
        File.CreateSymbolicLink(Path.Combine(folder, "www", "file"), Path.Combine(folder, "secret.txt"));
        return folder;
    }
}
