using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace XpraAes.Encodings;

/// <summary>rencodeplus: one type byte, then the content (table in PROTOCOL section 2). Text and bytes are distinct types.</summary>
internal class RencodePlus : ValueFormat
{
    // 0x00-0x2b integers 0 to 43, 0x46-0x65 integers -1 to -32, 0x66-0x7e dictionaries of 0 to 24,
    // 0x80-0xbf strings of 0 to 63 bytes, 0xc0-0xff lists of 0 to 63, '0'-'9' the first digit of a longer string's length.
    private const byte PositiveCount = 44, NegativeStart = 0x46, NegativeCount = 32, DictionaryStart = 0x66, DictionaryCount = 25;
    private const byte StringStart = 0x80, ListStart = 0xc0, ShortCount = 64;
    private const byte Float64 = 0x2c, List = 0x3b, Dictionary = 0x3c, BigInt = 0x3d, Int8 = 0x3e, Int16 = 0x3f, Int32 = 0x40, Int64 = 0x41;
    private const byte Float32 = 0x42, True = 0x43, False = 0x44, Null = 0x45, Terminator = 0x7f;

    /// <summary>xpra looks for a big integer's terminator only from the 19th character on, so it misreads shorter ones.</summary>
    private const int MinBigIntText = 18;

    protected sealed override object? Read(ref ValueReader reader)
    {
        reader.CountItem();
        var type = reader.ReadByte();
        switch (type)
        {
            case < PositiveCount: return (long)type;
            case >= ListStart: return ReadList(ref reader, type - ListStart);
            case >= StringStart: return Text(ref reader, type - StringStart);
            case Terminator: break;
            case >= DictionaryStart: return ReadDictionary(ref reader, type - DictionaryStart);
            case >= NegativeStart: return (long)(NegativeStart - 1 - type);
            case >= (byte)'0' and <= (byte)'9': return ReadString(ref reader, type);
            case List: return ReadListUntil(ref reader, Terminator);
            case Dictionary: return ReadDictionaryUntil(ref reader, Terminator);
            case BigInt: return reader.ReadIntegerText(Terminator, MinBigIntText);
            case Int8: return (long)(sbyte)reader.ReadByte();
            case Int16: return (long)BinaryPrimitives.ReadInt16BigEndian(reader.ReadBytes(2));
            case Int32: return (long)BinaryPrimitives.ReadInt32BigEndian(reader.ReadBytes(4));
            case Int64: return BinaryPrimitives.ReadInt64BigEndian(reader.ReadBytes(8));
            case Float32: return (double)BinaryPrimitives.ReadSingleBigEndian(reader.ReadBytes(4));
            case Float64: return BinaryPrimitives.ReadDoubleBigEndian(reader.ReadBytes(8));
            case True: return true;
            case False: return false;
            case Null: return null;
        }
        throw reader.Malformed(FormattableString.Invariant($"follows 0x{type:x2}, which starts no value"));
    }

    /// <summary>A string with a decimal length that ends in ':' (text) or '/' (bytes).</summary>
    protected virtual object ReadString(ref ValueReader reader, byte firstDigit)
    {
        var length = reader.ReadLength(firstDigit, out var kind);
        return kind switch
        {
            (byte)':' => Text(ref reader, length),
            (byte)'/' => reader.ReadBytes(length).ToArray(),
            _ => throw reader.Malformed("follows a string length that ends in neither ':' nor '/'"),
        };
    }

    protected virtual object Text(ref ValueReader reader, int length)
    {
        var utf8 = reader.ReadBytes(length);
        if (!Utf8.IsValid(utf8))
            throw reader.Malformed("follows text that is not UTF-8");
        return Encoding.UTF8.GetString(utf8);
    }

    protected sealed override void WriteNull(ArrayBufferWriter<byte> output) => Put(output, Null);

    protected sealed override void WriteBoolean(ArrayBufferWriter<byte> output, bool value) => Put(output, value ? True : False);

    protected sealed override void WriteInteger(ArrayBufferWriter<byte> output, long value)
    {
        switch (value)
        {
            case >= 0 and < PositiveCount:
                Put(output, (byte)value);
                break;
            case >= -NegativeCount and < 0:
                Put(output, (byte)(NegativeStart - 1 - value));
                break;
            case >= sbyte.MinValue and <= sbyte.MaxValue:
                Put(output, Int8);
                Put(output, (byte)value);
                break;
            case >= short.MinValue and <= short.MaxValue:
                Put(output, Int16);
                BinaryPrimitives.WriteInt16BigEndian(output.GetSpan(2), (short)value);
                output.Advance(2);
                break;
            case >= int.MinValue and <= int.MaxValue:
                Put(output, Int32);
                BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(4), (int)value);
                output.Advance(4);
                break;
            default:
                Put(output, Int64);
                BinaryPrimitives.WriteInt64BigEndian(output.GetSpan(8), value);
                output.Advance(8);
                break;
        }
    }

    protected sealed override void WriteBigInteger(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> digits)
    {
        Put(output, BigInt);
        output.Write(digits);
        Put(output, Terminator);
    }

    protected override void WriteDouble(ArrayBufferWriter<byte> output, double value)
    {
        Put(output, Float64);
        BinaryPrimitives.WriteDoubleBigEndian(output.GetSpan(8), value);
        output.Advance(8);
    }

    protected static void WriteFloat32(ArrayBufferWriter<byte> output, float value)
    {
        Put(output, Float32);
        BinaryPrimitives.WriteSingleBigEndian(output.GetSpan(4), value);
        output.Advance(4);
    }

    protected sealed override void WriteText(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length < ShortCount)
        {
            Put(output, (byte)(StringStart + utf8.Length));
        }
        else
        {
            PutNumber(output, utf8.Length);
            Put(output, (byte)':');
        }
        output.Write(utf8);
    }

    protected override void WriteBytes(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> value)
    {
        PutNumber(output, value.Length);
        Put(output, (byte)'/');
        output.Write(value);
    }

    protected sealed override void StartList(ArrayBufferWriter<byte> output, int count) =>
        Put(output, count < ShortCount ? (byte)(ListStart + count) : List);

    protected sealed override void EndList(ArrayBufferWriter<byte> output, int count)
    {
        if (count >= ShortCount)
            Put(output, Terminator);
    }

    protected sealed override void StartDictionary(ArrayBufferWriter<byte> output, int count) =>
        Put(output, count < DictionaryCount ? (byte)(DictionaryStart + count) : Dictionary);

    protected sealed override void EndDictionary(ArrayBufferWriter<byte> output, int count)
    {
        if (count >= DictionaryCount)
            Put(output, Terminator);
    }
}
