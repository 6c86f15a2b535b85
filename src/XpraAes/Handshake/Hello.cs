using System.Globalization;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>The capabilities of our own hellos, cipher capabilities aside (PROTOCOL sections 4 and 12).</summary>
internal static class Hello
{
    public const string PacketType = "hello";
    public const string ChallengeType = "challenge";
    public const string DisconnectType = "disconnect";

    /// <summary>Arbitrary, xpra's are under 40: keeps a stranger's hello from growing by its names.</summary>
    private const int MaxFlatNameLength = 64;

    private const string SharedMemoryName = "mmap";
    private const string KeymapName = "keymap";
    private const string FlatKeymapPrefix = "xkbmap_";

    private static readonly (PacketEncoding Encoding, string Name)[] s_encodings =
        [(PacketEncoding.RencodePlus, "rencodeplus"), (PacketEncoding.Rencode, "rencode"), (PacketEncoding.Bencode, "bencode")];

    private static readonly string[] s_compressors = ["lz4", "lzo", "zlib", "brotli", "zstd"];

    /// <summary>The digests that answer a challenge, strongest first (PROTOCOL section 9).</summary>
    public static IReadOnlyList<string> Digests { get; } = ["hmac+sha512", "hmac+sha384", "hmac+sha256", "hmac+sha224"];

    /// <summary>A hello for a session without windows that every server generation accepts. It announces no compressor and no packet alias, and does not mention <c>steal</c>: 6.5.3 takes even a false one for a claim to the whole session.</summary>
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

    /// <summary>The hello of our own listener to a client whose session stands.</summary>
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

    /// <summary>The encoding to answer a hello in: the first that the peer announced; else the one it used itself.</summary>
    public static PacketEncoding ChooseEncoding(XpraDictionary hello, PacketEncoding used)
        => AnnouncedEncodings(hello) is [var first, ..] ? first : used;

    /// <summary>The encodings of ours that the peer announced as a list or as booleans, by xpra's order of performance.</summary>
    public static IReadOnlyList<PacketEncoding> AnnouncedEncodings(XpraDictionary hello)
    {
        var announced = hello.GetStrings("encoders").ToHashSet(StringComparer.Ordinal);
        return [.. s_encodings.Where(encoding => announced.Contains(encoding.Name) || hello.GetBoolean(encoding.Name) == true).Select(encoding => encoding.Encoding)];
    }

    /// <summary>Makes a hello announce one encoding and no compressor: what passes a translator is neither in another encoding nor compressed.</summary>
    public static void AnnounceOnly(XpraDictionary hello, PacketEncoding only)
    {
        foreach (var (encoding, name) in s_encodings)
            hello[name] = encoding == only;
        hello["yaml"] = false;
        hello["encoders"] = new object?[] { s_encodings.First(encoding => encoding.Encoding == only).Name };
        AnnounceNoCompressor(hello);
    }

    /// <summary>Takes out of a server's hello what we could not read: a client's first packet is looked at, to see whether it has the key. All versions share something else.</summary>
    public static void AnnounceOnlyKnown(XpraDictionary hello)
    {
        Withdraw(hello, "encoders", ["yaml"]);
        Withdraw(hello, "compressors", ["lzo", "zstd"]);
    }

    /// <summary>Whether the peer knows the new names of packet types alone: the development tree then leaves <c>flush</c> out, which every hello from 4.0 on has (xpra/net/net_util.py). The browser client, which counts its versions otherwise, does not.</summary>
    public static bool SaysNewNames(XpraDictionary hello)
        => !hello.ContainsKey("flush") && hello.GetString("client_type") != "HTML5"
        && Version.TryParse(NumberIn(VersionOf(hello)), out var version) && version >= new Version(6, 6);

    /// <summary>The number that a peer's version begins with: 6.5.3 of <c>6.5.3-r0</c>; empty where it begins with none.</summary>
    public static string NumberIn(string? version) => string.Concat((version ?? "").TakeWhile(c => char.IsAsciiDigit(c) || c == '.'));

    /// <summary>The version that a peer names, fit to be shown; null where it names none.</summary>
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
        // A boolean of its own for each compressor: some versions read the list, others the booleans.
        hello["compressors"] = Array.Empty<object?>();
        foreach (var name in s_compressors)
            hello[name] = false;
        hello["compression_level"] = 0L;
    }

    /// <summary>Says nested capabilities by their flat names too: graphical clients of 6.0 and later write <c>{"encodings": {"core": ...}}</c>, where servers up to 4.x look for <c>encodings.core</c>. The hellos of other clients stay as they are.</summary>
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

    /// <summary>Takes shared memory out of a hello. What two ends on one machine put there would pass the gateway by, in forms that not all versions share; and a server opens the file that a hello names, whoever sent it.</summary>
    public static void RemoveSharedMemory(XpraDictionary hello)
        => hello.RemoveAll(name => name.StartsWith(SharedMemoryName, StringComparison.Ordinal) && (name.Length == SharedMemoryName.Length || name[SharedMemoryName.Length] is '.' or '_'));

    /// <summary>Says a nested keymap by its flat names too, in a hello or a packet <c>keymap-changed</c>: clients of 6.0 and later write <c>{"keymap": {"keycodes": ...}}</c>, where servers up to 4.x look for <c>xkbmap_keycodes</c>.</summary>
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

    /// <summary>A disconnect packet with its reason and, where there is more to say, a second text.</summary>
    public static object?[] Disconnect(string reason, string? details = null)
        => details is null ? [DisconnectType, reason] : [DisconnectType, reason, details];

    /// <summary>A new uuid as xpra writes it: 32 hex digits.</summary>
    public static string NewUuid() => Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
}
