using System.Buffers.Binary;
using System.Text;

namespace XpraAes.Fuzz;

/// <summary>Mutates inputs at random: bits, bytes, numbers, blocks, words of the protocol, and pieces of other inputs. Reproducible for the same seed.</summary>
internal sealed class Mutator(int seed)
{
    /// <summary>Longer inputs only make runs slower.</summary>
    private const int MaxLength = 4096;

    // Boundary values of lengths and counts.
    private static readonly int[] s_numbers = [0, 1, 2, 15, 16, 31, 32, 63, 64, 125, 126, 127, 128, 255, 256, 4095, 65535, 65536, int.MaxValue, -1, int.MinValue, 1 << 28];

    private static readonly byte[][] s_words = [.. new[]
    {
        "hello", "challenge", "disconnect", "ping", "encryption", "cipher", "cipher.", "AES", "AES-CTR", "mode", "CBC", "GCM", "iv", "key_salt", "key_size", "key_hash", "SHA1", "PBKDF2",
        "key_stretch_iterations", "padding", "padding.options", "PKCS#7", "legacy", "stream", "request", "info_request", "digest", "hmac+sha512", "challenge_response", "encodings",
        "tcp://", "ws://", "socket://", "unix:", "?", "&", "keydata=", "keyfile=", "username=", "password=", "0x", "base64:", "auth=", "(", ")", ",", "=", ":", "/", "@", "[", "]", "%", "#",
        "GET / HTTP/1.1\r\n", "HTTP/1.1 101 ", "\r\n\r\n", "\r\n", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: binary", "Origin: x",
        "RFB ", "SSH-", "127:", "64/", "i-1e", "le", "de", "1:a", "\0", "\u0080", "é", "\u2028",
    }.Select(Encoding.UTF8.GetBytes)];

    private readonly Random _random = new(seed);

    public Random Random => _random;

    /// <summary>A mutated copy of the input, possibly with pieces of others.</summary>
    public byte[] Change(byte[] input, IReadOnlyList<byte[]> others)
    {
        var bytes = new List<byte>(input);
        // Few mutations keep most of the input valid.
        for (var changes = 1 << _random.Next(5); changes > 0; changes--)
            ChangeOnce(bytes, others);
        if (bytes.Count > MaxLength)
            bytes.RemoveRange(MaxLength, bytes.Count - MaxLength);
        return [.. bytes];
    }

    private void ChangeOnce(List<byte> bytes, IReadOnlyList<byte[]> others)
    {
        var place = bytes.Count == 0 ? 0 : _random.Next(bytes.Count);
        switch (bytes.Count == 0 ? 9 : _random.Next(12))
        {
            case 0 or 1: bytes[place] ^= (byte)(1 << _random.Next(8)); break;
            case 2: bytes[place] = (byte)_random.Next(256); break;
            case 3: bytes[place] += (byte)_random.Next(-16, 17); break;
            case 4: Overwrite(bytes, place, Number()); break;
            case 5: bytes.RemoveRange(place, Math.Min(bytes.Count - place, Length())); break;
            case 6: bytes.RemoveRange(place, bytes.Count - place); break;
            case 7: bytes.InsertRange(place, bytes.GetRange(place, Math.Min(bytes.Count - place, Length()))); break;
            case 8: Overwrite(bytes, place, s_words[_random.Next(s_words.Length)]); break;
            case 9: bytes.InsertRange(place, s_words[_random.Next(s_words.Length)]); break;
            case 10: bytes.InsertRange(place, Number()); break;
            default: Splice(bytes, place, others[_random.Next(others.Count)]); break;
        }
    }

    private void Splice(List<byte> bytes, int place, byte[] other)
    {
        if (other.Length == 0)
            return;
        var start = _random.Next(other.Length);
        var piece = other.AsSpan(start, Math.Min(other.Length - start, Length())).ToArray();
        if (_random.Next(2) == 0)
            bytes.InsertRange(place, piece);
        else
            Overwrite(bytes, place, piece);
    }

    private static void Overwrite(List<byte> bytes, int place, byte[] piece)
    {
        for (var i = 0; i < piece.Length && place + i < bytes.Count; i++)
            bytes[place + i] = piece[i];
    }

    private byte[] Number()
    {
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, s_numbers[_random.Next(s_numbers.Length)]);
        var size = 1 << _random.Next(3);
        var piece = number[^size..];
        if (_random.Next(4) == 0)
            Array.Reverse(piece);
        return piece;
    }

    private int Length() => 1 + _random.Next(1 << _random.Next(1, 9));
}
