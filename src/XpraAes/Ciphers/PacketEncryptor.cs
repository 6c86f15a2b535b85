using System.Security.Cryptography;

namespace XpraAes.Ciphers;

/// <summary>Encrypts what one side of a connection sends, packet by packet, in place and without allocating. Packets go out in the order in which they were encrypted. Not for two threads at once.</summary>
public sealed class PacketEncryptor : IDisposable
{
    private readonly BlockModeCipher _mode;
    private readonly int _paddingUnit;
    private readonly byte[] _ivs;
    private int _usedIvs;

    internal PacketEncryptor(CipherParameters parameters, BlockModeCipher mode)
    {
        Parameters = parameters;
        _mode = mode;
        _ivs = parameters.Stream ? [] : new byte[16 * ProtocolDefaults.BlockSize];
        _usedIvs = _ivs.Length;
        _paddingUnit = parameters.Mode == AesMode.CBC ? parameters.PaddingUnit : 0;
    }

    /// <summary>What the peer asked for.</summary>
    public CipherParameters Parameters { get; }

    /// <summary>Where in the wire buffer the data stands: 0, or 16 behind the packet's own IV where <see cref="CipherParameters.Stream"/> is false.</summary>
    public int DataOffset => Parameters.Stream ? 0 : ProtocolDefaults.BlockSize;

    /// <summary>The header's size field for that many bytes of data: with the IV, without the padding (PROTOCOL section 1).</summary>
    public int PayloadSize(int dataLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dataLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dataLength, ProtocolDefaults.MaxHeaderPayload - DataOffset);
        return DataOffset + dataLength;
    }

    /// <summary>The bytes that follow the header for that many bytes of data: with the IV and the padding.</summary>
    public int WireSize(int dataLength)
    {
        int payloadSize = PayloadSize(dataLength);
        return payloadSize + PacketPadding.Size(payloadSize, _paddingUnit);
    }

    /// <summary>Encrypts one packet where it stands: <paramref name="wire"/> is <see cref="WireSize"/> bytes with the data at <see cref="DataOffset"/>. IV and padding are written here (PROTOCOL section 7).</summary>
    public void Encrypt(Span<byte> wire, int dataLength)
    {
        if (wire.Length != WireSize(dataLength))
            throw new ArgumentException($"The packet takes {WireSize(dataLength)} bytes, not {wire.Length}.", nameof(wire));

        Encrypt(wire.Slice(DataOffset, dataLength), wire);
    }

    /// <summary>Encrypts one packet from <paramref name="data"/>, which stays as it is, into the <see cref="WireSize"/> bytes of <paramref name="wire"/>: a pass over the memory less than copying the data there first.</summary>
    internal void Encrypt(ReadOnlySpan<byte> data, Span<byte> wire)
    {
        if (!Parameters.Stream)
            NextIV().CopyTo(wire);
        EncryptAfterIV(data, wire);
    }

    /// <summary>As <see cref="Encrypt(Span{byte}, int)"/>, with the packet's IV, where it has one, in place already: a recorded packet comes out as it was.</summary>
    internal void EncryptAfterIV(Span<byte> wire, int dataLength) => EncryptAfterIV(wire.Slice(DataOffset, dataLength), wire);

    // stream:     E(data | padding)
    // otherwise:  IV | E(data | padding), IV random
    private void EncryptAfterIV(ReadOnlySpan<byte> data, Span<byte> wire)
    {
        if (!Parameters.Stream)
            _mode.Reset(wire[..DataOffset]);

        var body = wire[DataOffset..];
        var whole = data.Length & -ProtocolDefaults.BlockSize;
        _mode.Transform(data[..whole], body[..whole]);

        // The last block is in part data and in part padding.
        var rest = body[whole..];
        if (rest.IsEmpty)
            return;
        data[whole..].CopyTo(rest);
        var padding = rest[(data.Length - whole)..];
        padding.Fill(PacketPadding.Value(Parameters.Padding, padding.Length));
        _mode.Transform(rest, rest);
    }

    /// <summary>Zeroes the key.</summary>
    public void Dispose() => _mode.Dispose();

    // Several at once: a call for random bytes costs more than a small packet, however few they are.
    private ReadOnlySpan<byte> NextIV()
    {
        if (_usedIvs == _ivs.Length)
        {
            RandomNumberGenerator.Fill(_ivs);
            _usedIvs = 0;
        }

        var iv = _ivs.AsSpan(_usedIvs, ProtocolDefaults.BlockSize);
        _usedIvs += iv.Length;
        return iv;
    }
}
