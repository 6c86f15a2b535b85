using XpraAes.Ciphers;

namespace XpraAes;

/// <summary>One cipher that some version of xpra has, and which versions those are (PROTOCOL section 0).</summary>
/// <param name="Mode">The AES mode.</param>
/// <param name="XpraVersions">The versions that have it.</param>
/// <param name="Recommended">Whether new connections should use it.</param>
/// <param name="Notes">What to know before choosing it.</param>
public sealed record SupportedCipher(AesMode Mode, string XpraVersions, bool Recommended, string Notes)
{
    /// <summary>Every cipher that some version of xpra has.</summary>
    public static IReadOnlyList<SupportedCipher> All { get; } =
    [
        new(AesMode.CBC, "3.1 and later", true, "In every version. Those before 6.2 pad it otherwise than those since, and each needs a peer of its own kind; both are spoken here."),
        new(AesMode.CTR, "4.3 and later", false, "No padding to disagree about; but xpra's own servers encrypt under any salt again, and in CTR that shows what was sent under it to whoever reaches their port."),
        new(AesMode.GCM, "4.3 to 6.1", false, "Its keystream alone, without the tag that makes GCM what it is. Gone since 6.2."),
        new(AesMode.CFB, "4.3 to 6.5.2", false, "Gone since 6.5.3."),
    ];

    /// <summary>Always <c>AES</c>.</summary>
    public string Cipher { get; } = "AES";

    /// <summary>The AES key sizes in bits. Versions before 4.3 have 256 alone, which is the recommended one.</summary>
    public IReadOnlyList<int> KeySize { get; } = (int[])[128, 192, 256];

    /// <summary>Whether a forged or altered packet would be noticed: false, since xpra sends no tag in any mode.</summary>
    public bool Authenticated { get; }

    /// <summary>For example <c>AES-CTR</c>.</summary>
    public override string ToString() => $"{Cipher}-{Mode}";
}
