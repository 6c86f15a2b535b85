using XpraAes.Ciphers;
using XpraAes.Handshake;

namespace XpraAes.Connections;

/// <summary>A version of xpra, and what its command line and its AES can do (PROTOCOL sections 0, 6 and 10).</summary>
internal sealed class XpraRelease
{
    private const string Master = "master";

    private readonly Version _version;

    private XpraRelease(string name, Version version)
    {
        Name = name;
        _version = version;
    }

    /// <summary>The lines of releases that were measured; of each, the newest release.</summary>
    public static IReadOnlyList<string> Known { get; } = ["3.1", "4.4", "5.1", "6.1", "6.2", "6.5", Master];

    /// <summary>As it was written: <c>6.2</c>, <c>6.5.2</c>, <c>master</c>.</summary>
    public string Name { get; }

    /// <summary>The AES modes that it has.</summary>
    public IReadOnlyList<AesMode> Modes => [.. Enum.GetValues<AesMode>().Where(mode => WhyNot(mode) is null)];

    /// <summary>Whether modes have names on the command line; before that, AES is CBC.</summary>
    public bool NamesModes => _version >= new Version(4, 3);

    /// <summary>Whether sockets and URIs take <c>encryption=</c>, <c>keyfile=</c> and <c>keydata=</c>; before that there are options for all TCP sockets at once.</summary>
    public bool HasSocketOptions => _version >= new Version(4, 1);

    /// <summary>Whether it decodes percent-encoding in a URI.</summary>
    public bool DecodesUris => _version >= new Version(5, 0);

    /// <summary>Whether a server encrypts on a Unix socket; measured on 4.4.6, which refuses, and 5.1.6, which does.</summary>
    public bool EncryptsUnixSockets => _version >= new Version(5, 1);

    /// <summary>Whether a graphical client leaves AES out unless <c>--encryption</c> asks for it.</summary>
    public bool IgnoresEncryptionInUris => _version >= new Version(6, 5);

    /// <summary>Whether its servers lack the class that AES is in, and take every option for it without a word: 6.4 and 6.5; 6.6 has it again.</summary>
    public bool ServerIgnoresAes => _version >= new Version(6, 4) && _version < new Version(6, 6);

    /// <summary>Whether it finds cipher capabilities under <c>encryption</c>, where clients of xpra 6 have them alone.</summary>
    public bool ReadsNestedCapabilities => _version >= new Version(5, 0);

    /// <summary>The length in bytes that it pads CBC to a multiple of.</summary>
    public int PaddingUnit => _version >= new Version(6, 2) ? 16 : 32;

    /// <summary>What a server gives as its version: <c>6.5.3-r0</c>, <c>6.6-r42417 (gb114f907f7)</c>, <c>3.1</c>. Null where that is no more than one number, which is what 4.4 to 6.2 tell strangers.</summary>
    public static XpraRelease? FromPeer(string? text)
    {
        var number = Hello.NumberIn(text);
        return Version.TryParse(number, out var version) ? new XpraRelease(number, version) : null;
    }

    /// <summary>Reads <c>6.2</c>, the newest release of that line, <c>6.2.5</c>, with or without a v before, or <c>master</c>. Throws InvalidOption.</summary>
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

    /// <summary>Why it does not have this mode; null where it has it.</summary>
    public string? WhyNot(AesMode mode) => mode switch
    {
        not AesMode.CBC when !NamesModes => "came with xpra 4.3",
        AesMode.GCM when _version >= new Version(6, 2) => "is gone since xpra 6.2",
        AesMode.CFB when _version >= new Version(6, 5, 3) => "is gone since xpra 6.5.3",
        _ => null,
    };

    /// <summary>For example <c>xpra 6.2</c>.</summary>
    public override string ToString() => $"xpra {Name}";

    private static XpraAesException Unknown(string text) => new(
        XpraErrorId.InvalidOption,
        $"'{text}' is no version of xpra from 3.1 on.",
        $"Give one of {string.Join(", ", Known)}, or a full version such as 6.5.2.") { Target = text };
}
