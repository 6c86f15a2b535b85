using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace XpraAes.Encodings;

/// <summary>Base class of the packet encodings: walks over the value to write, and enforces the limits of reading.</summary>
internal abstract class ValueFormat
{
    /// <summary>Twice the depth that is read by default; stops at a collection that contains itself.</summary>
    private const int MaxWriteDepth = 64;

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public byte[] Encode(object? value)
    {
        var output = new ArrayBufferWriter<byte>();
        Write(output, value, 0);
        return output.WrittenSpan.ToArray();
    }

    public object? Decode(ReadOnlySpan<byte> data, DecodeLimits limits)
    {
        var reader = new ValueReader(data, limits);
        var value = Read(ref reader);
        if (reader.Remaining > 0)
            throw reader.Malformed(FormattableString.Invariant($"holds {reader.Remaining} bytes that belong to no value"));
        return value;
    }

    protected abstract object? Read(ref ValueReader reader);

    protected abstract void WriteNull(ArrayBufferWriter<byte> output);
    protected abstract void WriteBoolean(ArrayBufferWriter<byte> output, bool value);
    protected abstract void WriteInteger(ArrayBufferWriter<byte> output, long value);
    protected abstract void WriteBigInteger(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> digits);
    protected abstract void WriteDouble(ArrayBufferWriter<byte> output, double value);
    protected abstract void WriteText(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> utf8);
    protected abstract void WriteBytes(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> value);
    protected abstract void StartList(ArrayBufferWriter<byte> output, int count);
    protected abstract void EndList(ArrayBufferWriter<byte> output, int count);
    protected abstract void StartDictionary(ArrayBufferWriter<byte> output, int count);
    protected abstract void EndDictionary(ArrayBufferWriter<byte> output, int count);

    protected static void Put(ArrayBufferWriter<byte> output, byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }

    protected static void PutNumber(ArrayBufferWriter<byte> output, long value)
    {
        value.TryFormat(output.GetSpan(20), out var written, provider: CultureInfo.InvariantCulture);
        output.Advance(written);
    }

    protected static XpraAesException CannotHold(string what) =>
        new(XpraErrorId.InvalidOption, $"The packet encoding cannot hold {what}.", "Leave that value out, or use another packet encoding.");

    /// <summary>Reads a list of known length. Each value takes at least one byte.</summary>
    protected object?[] ReadList(ref ValueReader reader, int count)
    {
        if (count > reader.Remaining)
            throw reader.Malformed(FormattableString.Invariant($"announces a list of {count}, which cannot follow"));
        var items = new object?[count];
        reader.Enter();
        for (var i = 0; i < count; i++)
            items[i] = Read(ref reader);
        reader.Leave();
        return items;
    }

    /// <summary>Reads a list up to its terminator.</summary>
    protected object?[] ReadListUntil(ref ValueReader reader, byte terminator)
    {
        var items = new List<object?>();
        reader.Enter();
        while (!reader.SkipTerminator(terminator))
            items.Add(Read(ref reader));
        reader.Leave();
        return [.. items];
    }

    /// <summary>Reads a dictionary of known length.</summary>
    protected XpraDictionary ReadDictionary(ref ValueReader reader, int count)
    {
        if (count * 2 > reader.Remaining)
            throw reader.Malformed(FormattableString.Invariant($"announces a dictionary of {count}, which cannot follow"));
        var dictionary = new XpraDictionary(count);
        reader.Enter();
        for (var i = 0; i < count; i++)
            ReadPair(ref reader, dictionary);
        reader.Leave();
        return dictionary;
    }

    /// <summary>Reads a dictionary up to its terminator.</summary>
    protected XpraDictionary ReadDictionaryUntil(ref ValueReader reader, byte terminator)
    {
        var dictionary = new XpraDictionary();
        reader.Enter();
        while (!reader.SkipTerminator(terminator))
            ReadPair(ref reader, dictionary);
        reader.Leave();
        return dictionary;
    }

    private void ReadPair(ref ValueReader reader, XpraDictionary dictionary)
    {
        var key = XpraDictionary.AsKey(Read(ref reader))
            ?? throw reader.Malformed("has a dictionary key that is null, a list or a dictionary");
        dictionary.Set(key, Read(ref reader));
    }

    private void Write(ArrayBufferWriter<byte> output, object? value, int depth)
    {
        switch (value)
        {
            case null: WriteNull(output); break;
            case bool flag: WriteBoolean(output, flag); break;
            case long or int or short or sbyte or byte or ushort or uint:
                WriteInteger(output, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case ulong number: WriteInteger(output, (BigInteger)number); break;
            case BigInteger number: WriteInteger(output, number); break;
            case double number: WriteDouble(output, number); break;
            case float number: WriteDouble(output, number); break;
            case string text: WriteText(output, Utf8(text)); break;
            case byte[] bytes: WriteBytes(output, bytes); break;
            case ReadOnlyMemory<byte> bytes: WriteBytes(output, bytes.Span); break;
            case Memory<byte> bytes: WriteBytes(output, bytes.Span); break;
            case IEnumerable<byte> bytes: WriteBytes(output, bytes.ToArray()); break;
            case XpraDictionary pairs:
                WriteDictionary(output, pairs.Count, pairs.Select(pair => (pair.Key, pair.Value)), depth);
                break;
            case IDictionary pairs: WriteDictionary(output, pairs.Count, Pairs(pairs), depth); break;
            case IEnumerable items: WriteList(output, items as ICollection ?? items.Cast<object?>().ToArray(), depth); break;
            default: throw CannotHold($"a value of type {value.GetType()}");
        }
    }

    private static IEnumerable<(object Key, object? Value)> Pairs(IDictionary dictionary)
    {
        var pair = dictionary.GetEnumerator();
        while (pair.MoveNext())
            yield return (pair.Key, pair.Value);
    }

    private void WriteInteger(ArrayBufferWriter<byte> output, BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
        {
            WriteInteger(output, (long)value);
            return;
        }
        var digits = Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture));
        if (digits.Length > ValueReader.MaxIntegerText)
            throw CannotHold($"an integer of {digits.Length} characters");
        WriteBigInteger(output, digits);
    }

    private static byte[] Utf8(string text)
    {
        try
        {
            return s_strictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException)
        {
            throw CannotHold("text with an unpaired surrogate");
        }
    }

    private void WriteList(ArrayBufferWriter<byte> output, ICollection items, int depth)
    {
        CheckDepth(depth);
        StartList(output, items.Count);
        foreach (var item in items)
            Write(output, item, depth + 1);
        EndList(output, items.Count);
    }

    private void WriteDictionary(ArrayBufferWriter<byte> output, int count, IEnumerable<(object Key, object? Value)> pairs, int depth)
    {
        CheckDepth(depth);
        StartDictionary(output, count);
        foreach (var (key, value) in pairs)
        {
            Write(output, key, depth + 1);
            Write(output, value, depth + 1);
        }
        EndDictionary(output, count);
    }

    private static void CheckDepth(int depth)
    {
        if (depth >= MaxWriteDepth)
            throw CannotHold(FormattableString.Invariant($"lists and dictionaries that lie more than {MaxWriteDepth} deep inside each other"));
    }
}
