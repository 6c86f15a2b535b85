using XpraAes.Ciphers;
using XpraAes.Encodings;

namespace XpraAes.Tests.Diagnostics;

/// <summary>What tells one generation of xpra's servers from another (PROTOCOL sections 0 and 6), and how one is configured.</summary>
internal sealed record ServerTraits(string Version)
{
    private static readonly AesMode[] s_all = [AesMode.CBC, AesMode.CTR, AesMode.GCM, AesMode.CFB];

    public static ServerTraits V31 { get; } = new("3.1.3") { Generation = 3, Encoding = PacketEncoding.Rencode, Modes = [AesMode.CBC], MaxIterations = 10_000 };

    public static ServerTraits V44 { get; } = new("4.4.6") { Generation = 4, ToldVersion = "4", Modes = s_all, MaxIterations = 10_000 };

    public static ServerTraits V51 { get; } = new("5.1.6") { Generation = 5, IsNested = true, ToldVersion = "5", Modes = s_all };

    public static ServerTraits V61 { get; } = new("6.1.3") { IsNested = true, ToldVersion = "6", Modes = s_all, MaxIterations = 10_000 };

    public static ServerTraits V62 { get; } = new("6.2.5") { IsNested = true, ToldVersion = "6", Modes = [AesMode.CBC, AesMode.CTR, AesMode.CFB], PaddingUnit = 16, KnowsStream = true, MinIterations = 1_000 };

    public static ServerTraits V65 { get; } = V62 with { Version = "6.5.3", ToldVersion = "6.5.3-r0", Modes = [AesMode.CBC, AesMode.CTR], Silent = true };

    public static ServerTraits Master { get; } = V65 with { Version = "6.6", ToldVersion = "6.6-r42417 (gb114f907f7)" };

    public static IReadOnlyList<ServerTraits> All { get; } = [V31, V44, V51, V61, V62, V65, Master];

    /// <summary>3: it speaks CBC with 32 byte keys, whatever it is asked for. Up to 5: text errors with a colon.</summary>
    public int Generation { get; init; } = 6;

    public PacketEncoding Encoding { get; init; } = PacketEncoding.RencodePlus;
    public required AesMode[] Modes { get; init; }
    public int PaddingUnit { get; init; } = 32;
    public int MinIterations { get; init; } = 100;
    public int MaxIterations { get; init; } = 1_000_000;

    /// <summary>It looks for cipher capabilities in <c>encryption</c>, and not for flat ones.</summary>
    public bool IsNested { get; init; }

    public bool KnowsStream { get; init; }

    /// <summary>It refuses ciphers without a word.</summary>
    public bool Silent { get; init; }

    /// <summary>What it tells strangers who ask for the version, where that is not the whole.</summary>
    public string? ToldVersion { get; init; }

    // How it is configured.

    public AesMode? Mode { get; init; }
    public string? UserName { get; init; }
    public string? Password { get; init; }
    public bool EncryptsFirstPacket { get; init; }

    // What no real one does, or only in part.

    /// <summary>Pads like this, whatever it is asked for.</summary>
    public PaddingScheme? Padding { get; init; }

    /// <summary>Answers in clear even to a client that asks for AES.</summary>
    public bool AnswersAnyone { get; init; }

    public bool HidesVersion { get; init; }

    /// <summary>Refuses every encrypted client so, or by silence where it is silent.</summary>
    public string? AlwaysRefuses { get; init; }

    /// <summary>Takes commands of anyone, as real servers do unless told otherwise; else refuses them, encrypted.</summary>
    public bool TakesCommands { get; init; }

    /// <summary>Refuses requests, encrypted, as a proxy server does.</summary>
    public bool RefusesRequests { get; init; }

    /// <summary>The digest that it asks for in place of the strongest common one.</summary>
    public string? Digest { get; init; }

    /// <summary>What it answers to <c>info</c>.</summary>
    public XpraDictionary Info { get; init; } = new();

    /// <summary>What it answers inside a session to the client of that uuid, where that is something else.</summary>
    public Func<string, XpraDictionary>? SessionInfo { get; init; }

    public override string ToString() => Version;
}
