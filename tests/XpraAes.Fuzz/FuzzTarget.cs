using System.Text;
using XpraAes.Fuzz.Targets;

namespace XpraAes.Fuzz;

/// <summary>Code that processes bytes from unauthenticated peers.</summary>
/// <param name="Name">The name on the command line, and of the folder of its corpus.</param>
/// <param name="Body">Takes any bytes. May only throw <see cref="XpraAesException"/> with the given ids.</param>
/// <param name="MayThrow">The error ids that bad input may cause.</param>
internal sealed record FuzzTarget(string Name, Action<byte[]> Body, params XpraErrorId[] MayThrow)
{
    private const XpraErrorId Malformed = XpraErrorId.MalformedPacket;

    /// <summary>The error ids of reading bad packets, or other protocols.</summary>
    private static readonly XpraErrorId[] s_stream =
    [
        Malformed, XpraErrorId.KeyMismatch, XpraErrorId.PlaintextPacket, XpraErrorId.UnexpectedEncryption, XpraErrorId.LimitReached, XpraErrorId.ConnectionLost,
        XpraErrorId.PeerIsHttp, XpraErrorId.PeerIsTls, XpraErrorId.PeerIsSsh, XpraErrorId.PeerIsRfb, XpraErrorId.PeerSentText, XpraErrorId.NotXpra,
        XpraErrorId.UnsupportedEncoding, XpraErrorId.UnsupportedCompression,
    ];

    private static readonly XpraErrorId[] s_capabilities =
        [XpraErrorId.CipherCapabilitiesInvalid, XpraErrorId.CipherCapabilitiesMissing, XpraErrorId.IterationsRejected, XpraErrorId.ModeRejected, XpraErrorId.PaddingRejected];

    private static readonly XpraErrorId[] s_tls = [XpraErrorId.TlsFailed, XpraErrorId.KeyMismatch, XpraErrorId.ConnectionLost];

    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("header", PacketTargets.Header, Malformed),
        new("reader", PacketTargets.Reader),
        new("channel", PacketTargets.Channel),
        new("compression", PacketTargets.Compression, Malformed, XpraErrorId.UnsupportedCompression),
        new("rencodeplus", EncodingTargets.RencodePlus, Malformed),
        new("rencode", EncodingTargets.Rencode, Malformed),
        new("bencode", EncodingTargets.Bencode, Malformed),
        new("translator", EncodingTargets.Translator, Malformed, XpraErrorId.UnsupportedEncoding, XpraErrorId.UnsupportedCompression),
        new("hello", HandshakeTargets.Hello, [Malformed, XpraErrorId.AuthenticationUnsupported, .. s_capabilities]),
        new("listener", HandshakeTargets.Listener, [XpraErrorId.AuthenticationUnsupported, XpraErrorId.AuthenticationFailed, XpraErrorId.RequestRefused, .. s_stream, .. s_capabilities]) { IsSlow = true },
        new("connector", HandshakeTargets.Connector,
            [XpraErrorId.AuthenticationUnsupported, XpraErrorId.AuthenticationFailed, XpraErrorId.PeerDisconnected, XpraErrorId.VersionRejected, .. s_stream, .. s_capabilities]),
        new("session", HandshakeTargets.Session, s_stream),
        new("gateway", GatewayTargets.Hellos, Malformed),
        new("relay", GatewayTargets.Relay, s_stream),
        new("proxy-header", ProxyTargets.Header, XpraErrorId.ProxyHeaderInvalid, XpraErrorId.ConnectionLost),
        new("accepted", GatewayTargets.Accepted, [XpraErrorId.HandshakeTimeout, XpraErrorId.ProxyHeaderRefused, .. s_stream, .. s_tls]),
        new("keys", KeyTargets.Several, s_stream) { IsSlow = true },
        new("client", KeyTargets.Client,
            [XpraErrorId.AuthenticationRequired, XpraErrorId.AuthenticationFailed, XpraErrorId.PeerDisconnected, XpraErrorId.VersionRejected, XpraErrorId.HelloAltered, XpraErrorId.SaltReused, .. s_stream, .. s_capabilities]) { IsSlow = true },
        new("reply", KeyTargets.Reply, s_stream) { IsSlow = true },
        new("greeting", TextTargets.Greeting),
        new("uri", TextTargets.Uri, XpraErrorId.InvalidUri, XpraErrorId.KeyTextInvalid, XpraErrorId.KeyMissing),
        new("bind", TextTargets.Bind, XpraErrorId.InvalidBind, XpraErrorId.KeyTextInvalid, XpraErrorId.KeyMissing),
        new("key", TextTargets.Key, XpraErrorId.KeyTextInvalid, XpraErrorId.KeyMissing),
        new("status", TextTargets.Status),
        new("upgrade", WebSocketTargets.Upgrade),
        new("upgraded", WebSocketTargets.Upgraded),
        new("frames", WebSocketTargets.Frames),
        new("tls-client", TlsTargets.Client, s_tls) { IsSlow = true },
        new("tls-server", TlsTargets.Server, s_tls) { IsSlow = true },
        new("tls-records", TlsTargets.Records),
        new("tls-hello", WebTargets.TlsHello),
        new("http-head", WebTargets.Head),
        new("page-path", WebTargets.PagePath),
        new("pages", WebTargets.Pages, XpraErrorId.PeerIsHttp, XpraErrorId.ConnectionLost),
    ];

    /// <summary>Whether an execution derives keys, and so takes as long as a hundred others.</summary>
    public bool IsSlow { get; init; }

    /// <summary>How long an input of this size may take on an idle machine. Anything superlinear could be used to keep a listener busy.</summary>
    public TimeSpan TimeFor(int size) => TimeSpan.FromMilliseconds(IsSlow ? 250 : 50) + size * TimeSpan.FromMicroseconds(1);

    /// <summary>Runs it on one input.</summary>
    /// <exception cref="FuzzFailureException">It violated an expectation.</exception>
    public void Run(byte[] input)
    {
        try
        {
            Body(input);
        }
        catch (XpraAesException e) when (MayThrow.Contains(e.Id))
        {
            Expect.That(e.Message.Length < 2000 && !e.Message.Any(char.IsControl), $"The message of {e.Id} is not fit to be shown.");
        }
        catch (Exception e) when (e is not FuzzFailureException)
        {
            throw new FuzzFailureException($"{Name} threw {e.GetType().Name}{(e is XpraAesException { Id: var id } ? $" {id}" : "")}: {e.Message}\n{e.StackTrace}");
        }
    }

    /// <summary>The initial inputs: the files of its corpus, and generated ones.</summary>
    public IReadOnlyList<byte[]> Seeds()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "corpus", Name);
        var files = Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];
        return [.. files, .. GeneratedSeeds.For(Name)];
    }

    public override string ToString() => Name;

    internal static string Text(byte[] data) => Encoding.UTF8.GetString(data);
}
