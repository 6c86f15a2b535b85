using System.Buffers.Text;
using System.Security.Cryptography;

namespace XpraAes.Keys;

/// <summary>Generates key data from the system's random number generator, in buffers that are zeroed.</summary>
internal static class KeyGenerator
{
    private const int DefaultBits = 256;
    private const int MinBits = 96;
    private const int MaxBits = 512;

    /// <summary>Key data of that many random bits, as text. Throws InvalidOption.</summary>
    internal static SecretBuffer Generate(KeyFormat format, int? bits)
    {
        if (format == KeyFormat.Uuid)
            return bits is null ? NewUuid() : throw Invalid("A UUID always has 122 random bits.", "Leave -Bits out, or choose the format Hex or Base64.");
        if (format is not (KeyFormat.Hex or KeyFormat.Base64))
            throw Invalid($"Keys of the format {format} cannot be generated.", "Choose Hex, Base64 or Uuid.");
        var size = bits ?? DefaultBits;
        if (size is < MinBits or > MaxBits || size % 8 != 0)
            throw Invalid($"A key of {size} bits cannot be generated.", $"Choose a multiple of 8 from {MinBits} to {MaxBits}.");
        using var random = new SecretBuffer(size / 8);
        RandomNumberGenerator.Fill(random.Span);
        return format == KeyFormat.Hex ? ToHex(random.Span) : ToBase64(random.Span);
    }

    /// <summary>The bytes as lower case hexadecimal digits.</summary>
    internal static SecretBuffer ToHex(ReadOnlySpan<byte> data)
    {
        var text = new SecretBuffer(2 * data.Length);
        for (var i = 0; i < data.Length; i++)
            WriteHex(data[i], text.Span[(2 * i)..]);
        return text;
    }

    /// <summary>The bytes as base64 text.</summary>
    internal static SecretBuffer ToBase64(ReadOnlySpan<byte> data)
    {
        var text = new SecretBuffer(Base64.GetMaxEncodedToUtf8Length(data.Length));
        Base64.EncodeToUtf8(data, text.Span, out _, out _);
        return text;
    }

    // xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx: version 4, variant 10 (RFC 9562 section 5.4), as uuidgen writes it.
    private static SecretBuffer NewUuid()
    {
        using var random = new SecretBuffer(16);
        RandomNumberGenerator.Fill(random.Span);
        random.Span[6] = (byte)(random.Span[6] & 0x0F | 0x40);
        random.Span[8] = (byte)(random.Span[8] & 0x3F | 0x80);
        var text = new SecretBuffer(36);
        var at = 0;
        for (var i = 0; i < random.Length; i++)
        {
            if (i is 4 or 6 or 8 or 10)
                text.Span[at++] = (byte)'-';
            WriteHex(random.Span[i], text.Span[at..]);
            at += 2;
        }
        return text;
    }

    private static void WriteHex(byte value, Span<byte> destination)
    {
        destination[0] = "0123456789abcdef"u8[value >> 4];
        destination[1] = "0123456789abcdef"u8[value & 0x0F];
    }

    private static XpraAesException Invalid(string message, string action) => new(XpraErrorId.InvalidOption, message, action);
}
