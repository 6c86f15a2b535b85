using System.Buffers;

namespace XpraAes.Encodings;

/// <summary>rencode: like rencodeplus, but text and bytes are one type and floats are written with 32 bits (PROTOCOL section 2).</summary>
internal sealed class Rencode : RencodePlus
{
    protected override object ReadString(ref ValueReader reader, byte firstDigit)
    {
        var length = reader.ReadLength(firstDigit, out var kind);
        if (kind != ':')
            throw reader.Malformed("follows a string length that does not end in ':'");
        return Text(ref reader, length);
    }

    protected override object Text(ref ValueReader reader, int length) => reader.ReadBytes(length).ToArray();

    protected override void WriteDouble(ArrayBufferWriter<byte> output, double value) => WriteFloat32(output, (float)value);

    protected override void WriteBytes(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> value) => WriteText(output, value);
}
