using System.Globalization;
using XpraAes.Encodings;

namespace XpraAes.Handshake;

/// <summary>The capabilities of our own hellos, cipher capabilities aside (PROTOCOL sections 4 and 12).</summary>
internal static class Hello
{
    public const string PacketType = "hello";
    public const string ChallengeType = "challenge";
    public const string DisconnectType = "disconnect";

    /// <summary>The digests that answer a challenge, strongest first (PROTOCOL section 9).</summary>
    public static IReadOnlyList<string> Digests { get; } = ["hmac+sha512", "hmac+sha384", "hmac+sha256", "hmac+sha224"];

    /// <summary>A hello for a session without windows that every server generation accepts. It announces no compressor and no packet alias.</summary>
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
        hello["steal"] = false;
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
        return hello;
    }

    private static XpraDictionary Common(string uuid) => new()
    {
        ["version"] = ProtocolDefaults.AnnouncedVersion,
        ["uuid"] = uuid,
        ["platform"] = OperatingSystem.IsWindows() ? "win32" : OperatingSystem.IsMacOS() ? "darwin" : "linux",
        ["hostname"] = Environment.MachineName,
        ["encoders"] = new object?[] { "rencodeplus", "rencode", "bencode" },
        ["rencodeplus"] = true,
        ["rencode"] = true,
        ["bencode"] = true,
        ["yaml"] = false,
        // A boolean of its own for each compressor: some versions read the list, others the booleans.
        ["compressors"] = Array.Empty<object?>(),
        ["lz4"] = false,
        ["lzo"] = false,
        ["zlib"] = false,
        ["brotli"] = false,
        ["compression_level"] = 0L,
        ["chunks"] = true,
        ["current_time"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
    };

    /// <summary>The encoding to answer a hello in: by xpra's order of performance, the first that the peer announced as a list or as a boolean; else the one it used itself.</summary>
    public static PacketEncoding ChooseEncoding(XpraDictionary hello, PacketEncoding used)
    {
        var announced = hello.GetStrings("encoders");
        foreach (var (encoding, name) in new[] { (PacketEncoding.RencodePlus, "rencodeplus"), (PacketEncoding.Rencode, "rencode"), (PacketEncoding.Bencode, "bencode") })
        {
            if (announced.Contains(name) || hello.GetBoolean(name) == true)
                return encoding;
        }
        return used;
    }

    /// <summary>A disconnect packet with its reason and, where there is more to say, a second text.</summary>
    public static object?[] Disconnect(string reason, string? details = null)
        => details is null ? [DisconnectType, reason] : [DisconnectType, reason, details];

    /// <summary>A new uuid as xpra writes it: 32 hex digits.</summary>
    public static string NewUuid() => Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
}
