using System.Runtime.InteropServices;
using System.Security;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>Reads a SecureString without ever creating a string of it.</summary>
internal static class SecretText
{
    private delegate T Reader<T>(ReadOnlySpan<char> text);

    /// <summary>Its text as a key, with the same prefixes as -KeyData. Throws KeyTextInvalid, KeyMissing.</summary>
    public static XpraKey ToKey(SecureString secret) => Read(secret, static text => XpraKey.FromText(text, KeySource.Secret));

    /// <summary>Its text in UTF-8. Throws KeyTextInvalid if it is not valid Unicode.</summary>
    public static SecretBuffer ToUtf8(SecureString secret) => Read(secret, KeyText.ToUtf8);

    private static T Read<T>(SecureString secret, Reader<T> read)
    {
        var text = GC.AllocateUninitializedArray<char>(secret.Length, pinned: true);
        var decrypted = Marshal.SecureStringToGlobalAllocUnicode(secret);
        try
        {
            Marshal.Copy(decrypted, text, 0, text.Length);
            return read(text);
        }
        finally
        {
            Array.Clear(text);
            Marshal.ZeroFreeGlobalAllocUnicode(decrypted);
        }
    }
}
