using System.Buffers;

namespace XpraAes.Encodings;

/// <summary>bencode: <c>i</c>decimal<c>e</c>, length<c>:</c>bytes, <c>l</c>items<c>e</c>, <c>d</c>pairs<c>e</c> in any order (PROTOCOL section 2). Has no null or float; booleans are integers.</summary>
internal sealed class Bencode : ValueFormat
{
    private const byte Integer = (byte)'i', List = (byte)'l', Dictionary = (byte)'d', End = (byte)'e', Colon = (byte)':';

    protected override object? Read(ref ValueReader reader)
    {
        reader.CountItem();
        var type = reader.ReadByte();
        switch (type)
        {
            case Integer: return reader.ReadIntegerText(End, minLength: 1);
            case List: return ReadListUntil(ref reader, End);
            case Dictionary: return ReadDictionaryUntil(ref reader, End);
            case >= (byte)'0' and <= (byte)'9':
                var length = reader.ReadLength(type, out var colon);
                if (colon != Colon)
                    throw reader.Malformed("follows a string length that does not end in ':'");
                return reader.ReadBytes(length).ToArray();
        }
        throw reader.Malformed(FormattableString.Invariant($"follows 0x{type:x2}, which starts no value"));
    }

    protected override void WriteNull(ArrayBufferWriter<byte> output) => throw CannotHold("null");

    protected override void WriteDouble(ArrayBufferWriter<byte> output, double value) => throw CannotHold("a floating point number");

    protected override void WriteBoolean(ArrayBufferWriter<byte> output, bool value) => WriteInteger(output, value ? 1 : 0);

    protected override void WriteInteger(ArrayBufferWriter<byte> output, long value)
    {
        Put(output, Integer);
        PutNumber(output, value);
        Put(output, End);
    }

    protected override void WriteBigInteger(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> digits)
    {
        Put(output, Integer);
        output.Write(digits);
        Put(output, End);
    }

    protected override void WriteText(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> utf8) => WriteBytes(output, utf8);

    protected override void WriteBytes(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> value)
    {
        PutNumber(output, value.Length);
        Put(output, Colon);
        output.Write(value);
    }

    protected override void StartList(ArrayBufferWriter<byte> output, int count) => Put(output, List);

    protected override void EndList(ArrayBufferWriter<byte> output, int count) => Put(output, End);

    protected override void StartDictionary(ArrayBufferWriter<byte> output, int count) => Put(output, Dictionary);

    protected override void EndDictionary(ArrayBufferWriter<byte> output, int count) => Put(output, End);
}
