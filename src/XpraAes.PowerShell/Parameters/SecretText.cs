using System.Runtime.InteropServices;
using System.Security;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>What a SecureString holds, without a string of it anywhere.</summary>
internal static class SecretText
{
    private delegate T Reader<T>(ReadOnlySpan<char> text);

    /// <summary>Its text as key data, plain unless prefixed as -KeyData is. Throws KeyTextInvalid, KeyMissing.</summary>
    public static XpraKey ToKey(SecureString secret) => Read(secret, static text => XpraKey.FromText(text, KeySource.Secret));

    /// <summary>Its text in UTF-8. Throws KeyTextInvalid where it is not Unicode.</summary>
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
