using System.Globalization;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>Creates and edits hellos, except for their cipher capabilities (PROTOCOL sections 4 and 12).</summary>
internal static class Hello
{
    public const string PacketType = "hello";
    public const string ChallengeType = "challenge";
    public const string DisconnectType = "disconnect";

    /// <summary>Keeps an unauthenticated client's hello from growing through long names; arbitrary, xpra's are under 40 characters.</summary>
    private const int MaxFlatNameLength = 64;

    private const string SharedMemoryName = "mmap";
    private const string KeymapName = "keymap";
    private const string FlatKeymapPrefix = "xkbmap_";

    private static readonly (PacketEncoding Encoding, string Name)[] s_encodings =
        [(PacketEncoding.RencodePlus, "rencodeplus"), (PacketEncoding.Rencode, "rencode"), (PacketEncoding.Bencode, "bencode")];

    private static readonly string[] s_compressors = ["lz4", "lzo", "zlib", "brotli", "zstd"];

    /// <summary>The digests that answer a challenge, strongest first (PROTOCOL section 9).</summary>
    public static IReadOnlyList<string> Digests { get; } = ["hmac+sha512", "hmac+sha384", "hmac+sha256", "hmac+sha224"];

    /// <summary>A hello for a session without windows that every server generation accepts. It announces no compressors or packet aliases, and omits <c>steal</c>, which 6.5.3 treats as a takeover of the session even when it is false.</summary>
    public static XpraDictionary ForClient(string uuid, string? userName, bool allowXor)
    {
        var hello = Common(uuid);
        hello["client_type"] = "PowerShell";
        hello["digest"] = allowXor ? [.. Digests, "xor"] : Digests.ToArray<object?>();
        hello["salt-digest"] = Digests.ToArray<object?>();
        hello["ui_client"] = false;
        hello["windows"] = false;
        hello["keyboard"] = false;
        hello["pointer"] = false;
        hello["share"] = true;
        hello["ping"] = true;
        hello["network-state"] = true;
        hello["info-namespace"] = true;
        // 4.4 servers fail with an AttributeError without it.
        hello["encodings"] = new object?[] { "rgb32" };
        hello["encoding.generic"] = true;
        hello["namespace"] = true;
        if (!string.IsNullOrEmpty(userName))
            hello["username"] = userName;
        return hello;
    }

    /// <summary>The hello of an XpraAes listener to a client whose session is established.</summary>
    public static XpraDictionary ForServer(string uuid)
    {
        var hello = Common(uuid);
        hello["server_type"] = "PowerShell";
        hello["server.mode"] = "aes listener";
        hello["info-request"] = true;
        hello["readonly-server"] = true;
        hello["readonly"] = true;
        hello["ping"] = true;
        hello["network-state"] = true;
        hello["start_time"] = Environment.TickCount64 / 1000;
        // 6.5.3 clients fail without it.
        hello["file"] = new XpraDictionary();
        return hello;
    }

    private static XpraDictionary Common(string uuid)
    {
        var hello = new XpraDictionary
        {
            ["version"] = ProtocolDefaults.AnnouncedVersion,
            ["uuid"] = uuid,
            ["platform"] = OperatingSystem.IsWindows() ? "win32" : OperatingSystem.IsMacOS() ? "darwin" : "linux",
            ["hostname"] = Environment.MachineName,
            ["encoders"] = s_encodings.Select(encoding => (object?)encoding.Name).ToArray(),
            ["yaml"] = false,
            ["chunks"] = true,
            ["current_time"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
        };
        foreach (var (_, name) in s_encodings)
            hello[name] = true;
        AnnounceNoCompressor(hello);
        return hello;
    }

    /// <summary>The encoding to answer a hello in: the first that the peer announced, otherwise the one that it used.</summary>
    public static PacketEncoding ChooseEncoding(XpraDictionary hello, PacketEncoding used)
        => AnnouncedEncodings(hello) is [var first, ..] ? first : used;

    /// <summary>The supported encodings that the peer announced, as a list or as booleans, in xpra's order of performance.</summary>
    public static IReadOnlyList<PacketEncoding> AnnouncedEncodings(XpraDictionary hello)
    {
        var announced = hello.GetStrings("encoders").ToHashSet(StringComparer.Ordinal);
        return [.. s_encodings.Where(encoding => announced.Contains(encoding.Name) || hello.GetBoolean(encoding.Name) == true).Select(encoding => encoding.Encoding)];
    }

    /// <summary>Makes a hello announce only one encoding and no compressors, as packets through a translator are in that encoding and uncompressed.</summary>
    public static void AnnounceOnly(XpraDictionary hello, PacketEncoding only)
    {
        foreach (var (encoding, name) in s_encodings)
            hello[name] = encoding == only;
        hello["yaml"] = false;
        hello["encoders"] = new object?[] { s_encodings.First(encoding => encoding.Encoding == only).Name };
        AnnounceNoCompressor(hello);
    }

    /// <summary>Removes encodings and compressors that XpraAes cannot read from a server's hello, since the client's first packet must be decoded to prove its key. Every version supports others.</summary>
    public static void AnnounceOnlyKnown(XpraDictionary hello)
    {
        Withdraw(hello, "encoders", ["yaml"]);
        Withdraw(hello, "compressors", ["lzo", "zstd"]);
    }

    /// <summary>Whether the peer only knows the new names of packet types: the development tree then omits <c>flush</c>, which every hello from 4.0 on has (xpra/net/net_util.py). The browser client, whose versions are numbered differently, is excluded.</summary>
    public static bool SaysNewNames(XpraDictionary hello)
        => !hello.ContainsKey("flush") && hello.GetString("client_type") != "HTML5"
        && Version.TryParse(NumberIn(VersionOf(hello)), out var version) && version >= new Version(6, 6);

    /// <summary>The leading number of a peer's version: 6.5.3 of <c>6.5.3-r0</c>; empty where there is none.</summary>
    public static string NumberIn(string? version) => string.Concat((version ?? "").TakeWhile(c => char.IsAsciiDigit(c) || c == '.'));

    /// <summary>The version that a peer announces, sanitized for display; null where it announces none.</summary>
    public static string? VersionOf(XpraDictionary hello)
        => hello.GetString("version") is { Length: > 0 } version ? PeerIdentification.Sanitize(version) : null;

    private static void Withdraw(XpraDictionary hello, string list, string[] names)
    {
        if (hello.ContainsKey(list))
            hello[list] = hello.GetStrings(list).Except(names).ToArray<object?>();
        foreach (var name in names.Where(hello.ContainsKey))
            hello[name] = false;
    }

    private static void AnnounceNoCompressor(XpraDictionary hello)
    {
        // Some versions read the list, others one boolean per compressor.
        hello["compressors"] = Array.Empty<object?>();
        foreach (var name in s_compressors)
            hello[name] = false;
        hello["compression_level"] = 0L;
    }

    /// <summary>Adds flat names for nested capabilities: graphical clients of 6.0 and later write <c>{"encodings": {"core": ...}}</c>, where servers up to 4.x look for <c>encodings.core</c>. Hellos of other clients are unchanged.</summary>
    public static void AddFlatNames(XpraDictionary hello)
    {
        if (hello.GetDictionary("encodings") is null)
            return;
        foreach (var (key, value) in hello.ToArray())
        {
            if (key is string name && value is XpraDictionary nested)
                AddFlatNames(hello, nested, name == KeymapName ? FlatKeymapPrefix : $"{name}.");
        }
    }

    /// <summary>Removes shared memory from a hello. Its content would bypass the gateway, in formats that differ between versions; and a server opens the file that a hello names, whoever sent it.</summary>
    public static void RemoveSharedMemory(XpraDictionary hello)
        => hello.RemoveAll(name => name.StartsWith(SharedMemoryName, StringComparison.Ordinal) && (name.Length == SharedMemoryName.Length || name[SharedMemoryName.Length] is '.' or '_'));

    /// <summary>Adds flat names for a nested keymap, in a hello or a <c>keymap-changed</c> packet: clients of 6.0 and later write <c>{"keymap": {"keycodes": ...}}</c>, where servers up to 4.x look for <c>xkbmap_keycodes</c>.</summary>
    public static void AddFlatKeymap(XpraDictionary properties)
    {
        if (properties.GetDictionary(KeymapName) is { } keymap)
            AddFlatNames(properties, keymap, FlatKeymapPrefix);
    }

    private static void AddFlatNames(XpraDictionary outer, XpraDictionary nested, string prefix)
    {
        foreach (var (key, value) in nested)
        {
            if (key is string { Length: > 0 } name && prefix.Length + name.Length <= MaxFlatNameLength && !outer.ContainsKey(prefix + name))
                outer[prefix + name] = value;
        }
    }

    /// <summary>Names the session, for proxy servers and gateways, in both forms that clients use (PROTOCOL section 15).</summary>
    public static void NameSession(XpraDictionary hello, string name)
    {
        hello["session"] = new XpraDictionary { ["display"] = name };
        if (hello.GetDictionary("display") is null) // the screen's properties, from 6.5 on
            hello["display"] = name;
    }

    /// <summary>A disconnect packet with a reason and optional details.</summary>
    public static object?[] Disconnect(string reason, params string[] details) => [DisconnectType, reason, .. details];

    /// <summary>A new uuid as xpra writes it: 32 hex digits.</summary>
    public static string NewUuid() => Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
}
