using XpraAes.Ciphers;
using XpraAes.Encodings;

namespace XpraAes.Tests.Diagnostics;

/// <summary>How the generations of xpra's servers differ (PROTOCOL sections 0 and 6), and how a server is configured.</summary>
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

    /// <summary>3: always uses CBC with 32-byte keys. Up to 5: text errors with a colon.</summary>
    public int Generation { get; init; } = 6;

    public PacketEncoding Encoding { get; init; } = PacketEncoding.RencodePlus;
    public required AesMode[] Modes { get; init; }
    public int PaddingUnit { get; init; } = 32;
    public int MinIterations { get; init; } = 100;
    public int MaxIterations { get; init; } = 1_000_000;

    /// <summary>Reads cipher capabilities from <c>encryption</c>, not flat ones.</summary>
    public bool IsNested { get; init; }

    public bool KnowsStream { get; init; }

    /// <summary>Refuses ciphers silently.</summary>
    public bool Silent { get; init; }

    /// <summary>The version that it reports to unauthenticated clients, if shortened.</summary>
    public string? ToldVersion { get; init; }

    // Configuration.

    public AesMode? Mode { get; init; }
    public string? UserName { get; init; }
    public string? Password { get; init; }
    public bool EncryptsFirstPacket { get; init; }

    // Behaviour that no real server has, or only in part.

    /// <summary>Always uses this padding.</summary>
    public PaddingScheme? Padding { get; init; }

    /// <summary>Answers in plaintext even a client that asks for AES.</summary>
    public bool AnswersAnyone { get; init; }

    public bool HidesVersion { get; init; }

    /// <summary>Refuses every encrypted client with this reason, or silently if it is silent.</summary>
    public string? AlwaysRefuses { get; init; }

    /// <summary>Accepts commands from anyone, as real servers do by default; otherwise refuses them, encrypted.</summary>
    public bool TakesCommands { get; init; }

    /// <summary>Its answer to a request other than <c>info</c>, from the request and its arguments; null opens a session, as for a request that it does not know.</summary>
    public Func<string, IReadOnlyList<string>, object?[]?>? Answer { get; init; }

    /// <summary>What its hello to a session says besides the ciphers.</summary>
    public XpraDictionary Features { get; init; } = new();

    /// <summary>Opens a session although the client asked for a challenge, as no real server does.</summary>
    public bool NeverChallenges { get; init; }

    /// <summary>Its answer to a request for a screenshot within a session.</summary>
    public object?[]? SessionScreenshot { get; init; }

    /// <summary>Refuses requests, encrypted, as a proxy server does.</summary>
    public bool RefusesRequests { get; init; }

    /// <summary>The digest that it asks for instead of the strongest common one.</summary>
    public string? Digest { get; init; }

    /// <summary>Its answer to <c>info</c>.</summary>
    public XpraDictionary Info { get; init; } = new();

    /// <summary>Its answer within a session to the client with that uuid, if different.</summary>
    public Func<string, XpraDictionary>? SessionInfo { get; init; }

    public override string ToString() => Version;
}
