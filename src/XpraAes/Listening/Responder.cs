using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>Answers clients of a listener without a target (PROTOCOL section 4): it has no display, but reports its identity and its clients.</summary>
internal sealed class Responder(AesListener listener)
{
    /// <summary>Sent to refuse a request that a listener without a target does not serve.</summary>
    public const string NotServed = "this request is not served here";

    /// <summary>In the information it reports, distinguishes this listener from an xpra server.</summary>
    public const string SessionType = "aes listener";

    /// <summary>xpra's clients send 32 hex digits and expect them back. Text chosen by an unauthenticated client must not be encrypted under our key.</summary>
    private const int MaxEchoLength = 64;

    private const string NoDisplay = "this listener has no display: it answers info, version, id, ping and events; attach to an xpra server instead";

    private readonly string _uuid = Hello.NewUuid();
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private readonly long _ticks = Environment.TickCount64; // unaffected by changes of the date

    /// <summary>The hello that opens a session.</summary>
    public XpraDictionary SessionHello() => Hello.ForServer(_uuid);

    /// <summary>The answer to the client's request, if it is one of these; otherwise null.</summary>
    public XpraDictionary? Answer(HandshakeResult client) => client.Request switch
    {
        "version" => Version(),
        "id" => Identity(),
        "connect_test" => new XpraDictionary { ["connect_test_response"] = Echo(client.PeerHello.GetString("connect_test_request")) },
        "info" => Info(),
        _ => null,
    };

    /// <summary>The reason to refuse a client; null if it gets an answer, or a session without windows.</summary>
    public static string? Refuse(string? request, XpraDictionary hello) => request switch
    {
        "version" or "id" or "connect_test" or "info" => null,
        null or "event" => WantsDisplay(hello) ? NoDisplay : null,
        _ => $"{NotServed}; {NoDisplay}",
    };

    /// <summary>What <c>xpra info</c> shows; the clients' ciphers are under the same keys as in a real server's information.</summary>
    public XpraDictionary Info()
    {
        var info = Identity();
        info["version"] = ProtocolDefaults.AnnouncedVersion;
        info["mode"] = SessionType;
        info["start_time"] = _started.ToUnixTimeSeconds();
        info["elapsed_time"] = (Environment.TickCount64 - _ticks) / 1000;
        info["network"] = new XpraDictionary
        {
            ["encryption"] = "AES",
            ["tcp-encryption"] = "AES",
        };
        var connections = listener.Connections;
        info["clients"] = new XpraDictionary { [""] = (long)connections.Count };
        if (connections.Count == 1)
        {
            info["client"] = Describe(connections[0]);
        }
        else if (connections.Count > 1)
        {
            // As in xpra: a single client is not numbered, several are.
            var clients = new XpraDictionary();
            for (var i = 0; i < connections.Count; i++)
                clients.Set((long)i, Describe(connections[i]));
            info["client"] = clients;
        }
        return info;
    }

    private static string Echo(string? text) => text is { Length: <= MaxEchoLength } && text.All(char.IsAsciiHexDigit) ? text : "";

    private static bool WantsDisplay(XpraDictionary hello)
        => (hello.GetBoolean("ui_client") ?? true) && (hello.GetBoolean("windows") ?? true);

    private static XpraDictionary Version() => new()
    {
        ["version"] = ProtocolDefaults.AnnouncedVersion,
    };

    private XpraDictionary Identity() => new()
    {
        ["session-type"] = SessionType,
        ["session-name"] = "XpraAes",
        ["uuid"] = _uuid,
        ["platform"] = OperatingSystem.IsWindows() ? "win32" : OperatingSystem.IsMacOS() ? "darwin" : "linux",
        ["pid"] = (long)Environment.ProcessId,
    };

    private static XpraDictionary Describe(XpraConnection connection)
    {
        var ciphers = connection.GetCipherInfo();
        return new XpraDictionary
        {
            ["version"] = connection.PeerVersion ?? "",
            ["connection"] = new XpraDictionary
            {
                ["endpoint"] = connection.Peer,
                ["protocol"] = "xpra",
                ["type"] = TransportTable.Of(ciphers[0].Transport ?? TransportKind.Tcp).Scheme,
                ["input"] = Direction(ciphers[1], connection.BytesIn, connection.PacketsIn),
                ["output"] = Direction(ciphers[0], connection.BytesOut, connection.PacketsOut),
            },
        };
    }

    private static XpraDictionary Direction(CipherInfo cipher, long bytes, long packets) => new()
    {
        ["bytecount"] = bytes,
        ["packetcount"] = packets,
        ["cipher"] = new XpraDictionary
        {
            [""] = cipher.Cipher,
            ["mode"] = cipher.Mode?.ToString() ?? "",
            ["padding"] = cipher.Mode == AesMode.CBC ? cipher.Padding ?? "" : "",
        },
    };
}
