using System.Text;

namespace XpraAes.Keys;

/// <summary>Key data as text: our own format for -KeyData, and xpra's for <c>keydata=</c> (PROTOCOL section 5).</summary>
internal static class KeyText
{
    private const string HexPrefix = "0x";
    private static readonly string[] Base64Prefixes = ["b64:", "base64:"];

    /// <summary>Plain text unless prefixed <c>0x</c>, <c>base64:</c> or <c>b64:</c>; CR and LF at both ends are not key data, as in a key file. Throws KeyTextInvalid, KeyMissing.</summary>
    /// <param name="text">The text.</param>
    /// <param name="skipped">True where characters outside the base64 alphabet were skipped, as xpra does.</param>
    internal static SecretBuffer Read(ReadOnlySpan<char> text, out bool skipped)
    {
        skipped = false;
        text = text.Trim("\r\n");
        var data = HasPrefix(text) ? ReadPrefixed(text, out skipped) : ToUtf8(text);
        if (data.Length > 0)
            return data;
        throw new XpraAesException(XpraErrorId.KeyMissing, "The text given as key data contains no key.", "Give the key's text, or its bytes as 0x and hexadecimal digits.");
    }

    /// <summary>xpra's own parser for <c>keydata=</c>: the prefixes, else hexadecimal digits, else base64. Throws KeyTextInvalid if xpra finds no key.</summary>
    /// <param name="text">The text.</param>
    /// <param name="skipped">True where characters outside the base64 alphabet were skipped, as xpra does.</param>
    internal static SecretBuffer ReadAsXpra(ReadOnlySpan<char> text, out bool skipped)
    {
        skipped = false;
        var data = HasPrefix(text) ? ReadPrefixed(text, out skipped) : DecodeHex(text) ?? DecodeBase64(text, out skipped);
        if (data is { Length: > 0 })
            return data;
        throw new XpraAesException(
            XpraErrorId.KeyTextInvalid,
            "xpra finds no key in the text given as keydata: it is neither hexadecimal digits nor base64.",
            "Write the key's bytes as 0x and hexadecimal digits, or as base64: and base64 text. For a key that is plain text, use a key file.");
    }

    /// <summary>A warning if xpra's <c>keydata=</c> would read another key, or none, from this text than -KeyData does; null if both read the same.</summary>
    internal static string? XpraReadsDifferently(string text)
    {
        if (HasPrefix(text.AsSpan().Trim("\r\n")))
            return null;
        using var ours = Read(text, out _);
        using var decoded = DecodeHex(text) ?? DecodeBase64(text, out _);
        var reading = decoded is { Length: > 0 }
            ? $"decodes it to other key data, of {decoded.Length} bytes"
            : "finds no key in it";
        return $"This text is used literally ({ours.Length} bytes), as in a key file. An xpra program given the same text as keydata= {reading}. "
            + "There, use a key file, or write 0x and the hexadecimal digits of the text's bytes.";
    }

    /// <summary>Whether the text begins with <c>0x</c>, <c>base64:</c> or <c>b64:</c>, in any case.</summary>
    internal static bool HasPrefix(ReadOnlySpan<char> text)
        => text.StartsWith(HexPrefix, StringComparison.OrdinalIgnoreCase) || Base64PrefixLength(text) > 0;

    /// <summary>The UTF-8 bytes of the text. Throws KeyTextInvalid if it is not valid Unicode.</summary>
    internal static SecretBuffer ToUtf8(ReadOnlySpan<char> text)
    {
        try
        {
            return SecretBuffer.FromUtf8(text);
        }
        catch (EncoderFallbackException)
        {
            throw Invalid("The text given as a key or a password is not valid Unicode.");
        }
    }

    /// <summary><c>0x</c> and hexadecimal digits, which our parser and xpra's read back to the same bytes.</summary>
    internal static string ToPrefixedHex(ReadOnlySpan<byte> data) => HexPrefix + Convert.ToHexString(data).ToLowerInvariant();

    private static SecretBuffer ReadPrefixed(ReadOnlySpan<char> text, out bool skipped)
    {
        var base64 = Base64PrefixLength(text);
        skipped = false;
        if (base64 > 0)
            return DecodeBase64(text[base64..], out skipped) ?? throw Invalid("The text after base64: is not base64.");
        return DecodeHex(text[HexPrefix.Length..]) ?? throw Invalid("The text after 0x is not an even number of hexadecimal digits.");
    }

    private static int Base64PrefixLength(ReadOnlySpan<char> text)
    {
        foreach (var prefix in Base64Prefixes)
        {
            if (text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                return prefix.Length;
        }
        return 0;
    }

    private static SecretBuffer? DecodeHex(ReadOnlySpan<char> text)
    {
        if (text.Length % 2 != 0)
            return null;
        foreach (var c in text)
        {
            if (!char.IsAsciiHexDigit(c))
                return null;
        }
        var data = new SecretBuffer(text.Length / 2);
        for (var i = 0; i < data.Length; i++)
            data.Span[i] = (byte)((HexValue(text[2 * i]) << 4) | HexValue(text[2 * i + 1]));
        return data;
    }

    private static int HexValue(char digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    // As Python's lenient base64, which xpra uses: skips ASCII outside the alphabet, and stops at the padding that completes a group.
    private static SecretBuffer? DecodeBase64(ReadOnlySpan<char> text, out bool skipped)
    {
        skipped = false;
        using var sextets = new SecretBuffer(text.Length);
        var count = 0;
        var padding = 0;
        foreach (var c in text)
        {
            if (!char.IsAscii(c))
                return null;
            if (c == '=')
            {
                if (count % 4 >= 2 && count % 4 + ++padding >= 4)
                    return Pack(sextets.Span[..count]);
                continue;
            }
            var sextet = Sextet(c);
            if (sextet < 0)
            {
                skipped = true;
                continue;
            }
            padding = 0;
            sextets.Span[count++] = (byte)sextet;
        }
        return count % 4 == 0 ? Pack(sextets.Span[..count]) : null;
    }

    private static int Sextet(char c) => c switch
    {
        >= 'A' and <= 'Z' => c - 'A',
        >= 'a' and <= 'z' => c - 'a' + 26,
        >= '0' and <= '9' => c - '0' + 52,
        '+' => 62,
        '/' => 63,
        _ => -1,
    };

    private static SecretBuffer Pack(ReadOnlySpan<byte> sextets)
    {
        var data = new SecretBuffer(sextets.Length * 6 / 8);
        for (var i = 0; i < data.Length; i++)
        {
            // Byte i takes 6, 4 or 2 bits of one sextet and the rest of the next.
            var first = i * 8 / 6;
            var taken = 6 - i * 8 % 6;
            data.Span[i] = (byte)((sextets[first] << (8 - taken)) | (sextets[first + 1] >> (taken - 2)));
        }
        return data;
    }

    private static XpraAesException Invalid(string message)
        => new(XpraErrorId.KeyTextInvalid, message, "Correct the text, or give the key in a key file, where every byte is taken literally.");
}
