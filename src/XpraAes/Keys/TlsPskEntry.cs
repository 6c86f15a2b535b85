namespace XpraAes.Keys;

/// <summary>A line of a file that <c>Export-XpraAesPsk</c> wrote. Does not hold the pre-shared key.</summary>
/// <param name="Identity">What names the pre-shared key on the wire and in the file: <c>xpra-aes-sha256-</c> and 32 hexadecimal digits (docs/sealed.md).</param>
/// <param name="KeyFingerprint">The <see cref="XpraKey.Fingerprint"/> of the key that it was derived from.</param>
/// <param name="Path">The full path of the file.</param>
public sealed record TlsPskEntry(string Identity, string KeyFingerprint, string Path)
{
    /// <summary>The identity.</summary>
    public override string ToString() => Identity;
}
