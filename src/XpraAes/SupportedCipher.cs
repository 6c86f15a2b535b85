using XpraAes.Ciphers;

namespace XpraAes;

/// <summary>A cipher that some xpra versions have (PROTOCOL section 0).</summary>
/// <param name="Mode">The AES mode.</param>
/// <param name="XpraVersions">The versions that have it.</param>
/// <param name="Recommended">Whether new connections should use it.</param>
/// <param name="Notes">What to know before choosing it.</param>
public sealed record SupportedCipher(AesMode Mode, string XpraVersions, bool Recommended, string Notes)
{
    /// <summary>Every cipher that some version of xpra has.</summary>
    public static IReadOnlyList<SupportedCipher> All { get; } =
    [
        new(AesMode.CBC, "3.1 and later", true, "In every version. Versions before 6.2 pad it differently from later ones, and the two do not understand each other; both are supported here."),
        new(AesMode.CTR, "4.3 and later", false, "No padding to disagree about. But xpra's own servers accept a reused salt, and in CTR that reveals what was sent under it to anyone who can reach their port."),
        new(AesMode.GCM, "4.3 to 6.1", false, "Only its keystream, without GCM's authentication tag. Removed in 6.2."),
        new(AesMode.CFB, "4.3 to 6.5.2", false, "Removed in 6.5.3."),
    ];

    /// <summary>Always <c>AES</c>.</summary>
    public string Cipher { get; } = "AES";

    /// <summary>The AES key sizes in bits. Versions before 4.3 have only 256, the recommended one.</summary>
    public IReadOnlyList<int> KeySize { get; } = (int[])[128, 192, 256];

    /// <summary>Whether a forged or altered packet is detected: false, since xpra sends no tag in any mode.</summary>
    public bool Authenticated { get; }

    /// <summary>For example <c>AES-CTR</c>.</summary>
    public override string ToString() => $"{Cipher}-{Mode}";
}
