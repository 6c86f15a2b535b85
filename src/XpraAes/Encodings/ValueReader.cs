using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace XpraAes.Encodings;

/// <summary>Reads encoded bytes in order and enforces every limit: the end of the data, the depth, the number of values.</summary>
internal ref struct ValueReader
{
    /// <summary>Integers of 64 characters or more, including the sign, are rejected (PROTOCOL section 2). This also bounds the quadratic cost of parsing.</summary>
    public const int MaxIntegerText = 63;

    private readonly ReadOnlySpan<byte> _data;
    private int _position;
    private int _depthLeft;
    private int _itemsLeft;

    public ValueReader(ReadOnlySpan<byte> data, DecodeLimits limits)
    {
        _data = data;
        _depthLeft = limits.Depth;
        _itemsLeft = limits.Items;
    }

    public readonly int Remaining => _data.Length - _position;

    public byte ReadByte() => ReadBytes(1)[0];

    public ReadOnlySpan<byte> ReadBytes(int length)
    {
        if (length > Remaining)
            throw Malformed(FormattableString.Invariant($"needs {length} more bytes of which {Remaining} are there"));
        _position += length;
        return _data.Slice(_position - length, length);
    }

    /// <summary>Skips the next byte if it is <paramref name="terminator"/>, and returns whether it was.</summary>
    public bool SkipTerminator(byte terminator)
    {
        if (Remaining == 0)
            throw Malformed("ends inside a list or dictionary");
        if (_data[_position] != terminator)
            return false;
        _position++;
        return true;
    }

    /// <summary>Reads the rest of a decimal length after its first digit, and the character that ends it.</summary>
    public int ReadLength(byte firstDigit, out byte terminator)
    {
        long length = firstDigit - '0';
        while (char.IsAsciiDigit((char)(terminator = ReadByte())))
        {
            length = length * 10 + (terminator - '0');
            if (length > int.MaxValue)
                throw Malformed("announces a string of more than 2 GB");
        }
        return (int)length;
    }

    /// <summary>Reads a decimal integer and its terminator: a long, or a BigInteger if it does not fit in 64 bits.</summary>
    public object ReadIntegerText(byte terminator, int minLength)
    {
        var window = _data.Slice(_position, Math.Min(Remaining, MaxIntegerText + 1));
        var length = window.IndexOf(terminator);
        if (length < minLength)
            throw Malformed("holds an integer that is cut off, too short or too long");
        var text = window[..length];
        var digits = text.StartsWith("-"u8) ? text[1..] : text;
        if (digits.IsEmpty || digits.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0 || (digits[0] == '0' && text.Length > 1))
            throw Malformed("holds an integer that is not in plain decimal form");
        _position += length + 1;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return number;
        return BigInteger.Parse(Encoding.ASCII.GetString(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
    }

    public void CountItem()
    {
        if (--_itemsLeft < 0)
            throw new MalformedPacketException("The packet holds more values than the limit allows.");
    }

    /// <summary>Enters a nesting level; also checks the stack, so that a high limit cannot overflow it.</summary>
    public void Enter()
    {
        if (--_depthLeft < 0 || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new MalformedPacketException("The packet's lists and dictionaries lie deeper inside each other than the limit allows.");
    }

    public void Leave() => _depthLeft++;

    public readonly MalformedPacketException Malformed(string what) =>
        new(FormattableString.Invariant($"The packet cannot be decoded: at byte {_position} it {what}."));
}
