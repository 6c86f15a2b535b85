using System.Security.Cryptography;
using System.Text;

namespace XpraAes.Keys;

/// <summary>Files of pre-shared keys as stunnel's PSKsecrets reads them: a line IDENTITY:KEY for each key, in hexadecimal digits (docs/sealed.md).</summary>
internal static class TlsPskFile
{
    /// <summary>
    /// Writes the pre-shared keys of these keys, each once, as <see cref="KeyFile.Write"/> does. Only those for SHA256: openssl, and with it stunnel, uses any other
    /// as if it were one. Throws KeyFileExists, KeyFileUnwritable; InvalidOption if the file to replace holds one of the keys.
    /// </summary>
    internal static IReadOnlyList<TlsPskEntry> Write(string path, IReadOnlyList<XpraKey> keys, bool overwrite)
    {
        if (overwrite && HoldsOneOf(path, keys))
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{path} holds the key itself, which cannot be recovered from the pre-shared key.", "Give another path for the pre-shared keys.") { Target = path };
        var lines = keys.DistinctBy(key => TlsPskSecrets.Of(key).Sha256.Identity).Select(key => (Psk: TlsPskSecrets.Of(key).Sha256, key.Fingerprint)).ToList();
        using var content = new SecretBuffer(lines.Sum(line => LengthOf(line.Psk)));
        var rest = content.Span;
        foreach (var (psk, _) in lines)
        {
            WriteLine(psk, rest);
            rest = rest[LengthOf(psk)..];
        }
        KeyFile.Write(path, content.Span, overwrite, "file of pre-shared keys");
        return [.. lines.Select(line => new TlsPskEntry(line.Psk.Identity, line.Fingerprint, path))];
    }

    // Identity, colon, key, newline.
    private static int LengthOf(PskSecret psk) => psk.Identity.Length + 1 + 2 * psk.Key.Length + 1;

    private static void WriteLine(PskSecret psk, Span<byte> destination)
    {
        using var key = KeyGenerator.ToHex(psk.Key.Span);
        var identity = Encoding.ASCII.GetBytes(psk.Identity, destination);
        destination[identity] = (byte)':';
        key.Span.CopyTo(destination[(identity + 1)..]);
        destination[identity + 1 + key.Length] = (byte)'\n';
    }

    // Whichever links lead to it.
    private static bool HoldsOneOf(string path, IReadOnlyList<XpraKey> keys)
    {
        try
        {
            using var content = KeyFile.Read(path, out _);
            return keys.Any(key => CryptographicOperations.FixedTimeEquals(content.Span, key.Data));
        }
        catch (XpraAesException)
        {
            // There is no file, or none that a key can be read from.
            return false;
        }
    }
}
