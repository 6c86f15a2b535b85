using XpraAes.Ciphers;
using XpraAes.Handshake;

namespace XpraAes.Connections;

/// <summary>An xpra version, and what its command line and its AES support (PROTOCOL sections 0, 6 and 10).</summary>
internal sealed class XpraRelease
{
    private const string Master = "master";

    private readonly Version _version;

    private XpraRelease(string name, Version version)
    {
        Name = name;
        _version = version;
    }

    /// <summary>The release lines that were tested, each with its newest release.</summary>
    public static IReadOnlyList<string> Known { get; } = ["3.1", "4.4", "5.1", "6.1", "6.2", "6.5", Master];

    /// <summary>As given: <c>6.2</c>, <c>6.5.2</c>, <c>master</c>.</summary>
    public string Name { get; }

    /// <summary>The AES modes that it supports.</summary>
    public IReadOnlyList<AesMode> Modes => [.. Enum.GetValues<AesMode>().Where(mode => WhyUnsupported(mode) is null)];

    /// <summary>Whether the command line names modes; before 4.3, AES is always CBC.</summary>
    public bool NamesModes => _version >= new Version(4, 3);

    /// <summary>Whether sockets and URIs take <c>encryption=</c>, <c>keyfile=</c> and <c>keydata=</c>; before 4.1 the options apply to all TCP sockets at once.</summary>
    public bool HasSocketOptions => _version >= new Version(4, 1);

    /// <summary>Whether it decodes percent-encoding in a URI.</summary>
    public bool DecodesUris => _version >= new Version(5, 0);

    /// <summary>Whether a server encrypts on a Unix socket; measured on 4.4.6, which refuses, and 5.1.6, which does.</summary>
    public bool EncryptsUnixSockets => _version >= new Version(5, 1);

    /// <summary>Whether a graphical client uses AES only with <c>--encryption</c>, whatever the URI says.</summary>
    public bool IgnoresEncryptionInUris => _version >= new Version(6, 5);

    /// <summary>Whether its servers silently ignore every AES option, because the class that implements AES is missing: 6.4 and 6.5; 6.6 has it again.</summary>
    public bool ServerIgnoresAes => _version >= new Version(6, 4) && _version < new Version(6, 6);

    /// <summary>Whether it reads cipher capabilities nested under <c>encryption</c>, the only form that xpra 6 clients send.</summary>
    public bool ReadsNestedCapabilities => _version >= new Version(5, 0);

    /// <summary>CBC packets are padded to a multiple of this many bytes.</summary>
    public int PaddingUnit => _version >= new Version(6, 2) ? 16 : 32;

    /// <summary>Reads the version that a server announces: <c>6.5.3-r0</c>, <c>6.6-r42417 (gb114f907f7)</c>, <c>3.1</c>. Null for a single number, which is all that 4.4 to 6.2 announce to unauthenticated clients.</summary>
    public static XpraRelease? FromPeer(string? text)
    {
        var number = Hello.NumberIn(text);
        return Version.TryParse(number, out var version) ? new XpraRelease(number, version) : null;
    }

    /// <summary>Reads <c>6.2</c> (the newest release of that line), <c>6.2.5</c>, either with an optional leading v, or <c>master</c>. Throws InvalidOption.</summary>
    public static XpraRelease Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Equals(Master, StringComparison.OrdinalIgnoreCase))
            return new XpraRelease(Master, new Version(int.MaxValue, 0));
        var name = text.TrimStart('v', 'V');
        if (!Version.TryParse(name, out var version) || version.Revision >= 0)
            throw Unknown(text);
        if (version < new Version(3, 1))
            throw Unknown(text);
        return new XpraRelease(name, version.Build >= 0 ? version : new Version(version.Major, version.Minor, int.MaxValue));
    }

    /// <summary>Why it does not support this mode; null where it does.</summary>
    public string? WhyUnsupported(AesMode mode) => mode switch
    {
        not AesMode.CBC when !NamesModes => "came with xpra 4.3",
        AesMode.GCM when _version >= new Version(6, 2) => "was removed in xpra 6.2",
        AesMode.CFB when _version >= new Version(6, 5, 3) => "was removed in xpra 6.5.3",
        _ => null,
    };

    /// <summary>For example <c>xpra 6.2</c>.</summary>
    public override string ToString() => $"xpra {Name}";

    private static XpraAesException Unknown(string text) => new(
        XpraErrorId.InvalidOption,
        $"'{text}' is not an xpra version of 3.1 or later.",
        $"Give one of {string.Join(", ", Known)}, or a full version such as 6.5.2.") { Target = text };
}
