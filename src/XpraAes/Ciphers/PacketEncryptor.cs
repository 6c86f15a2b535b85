using System.Security.Cryptography;

namespace XpraAes.Ciphers;

/// <summary>Encrypts packets in place and without allocating. They must be sent in the order in which they were encrypted. Not thread safe.</summary>
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
        _ivs = parameters.Stream ? [] : new byte[256 * ProtocolDefaults.BlockSize];
        _usedIvs = _ivs.Length;
        _paddingUnit = parameters.Mode == AesMode.CBC ? parameters.PaddingUnit : 0;
    }

    /// <summary>The parameters that the peer asked for.</summary>
    public CipherParameters Parameters { get; }

    /// <summary>Offset in bytes of the data in the wire buffer: 0, or 16, after the packet's own IV, if <see cref="CipherParameters.Stream"/> is false.</summary>
    public int DataOffset => Parameters.Stream ? 0 : ProtocolDefaults.BlockSize;

    /// <summary>The header's size field for that many bytes of data: includes the IV, not the padding (PROTOCOL section 1).</summary>
    public int PayloadSize(int dataLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dataLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dataLength, ProtocolDefaults.MaxHeaderPayload - DataOffset);
        return DataOffset + dataLength;
    }

    /// <summary>The bytes that follow the header for that many bytes of data, including IV and padding.</summary>
    public int WireSize(int dataLength)
    {
        int payloadSize = PayloadSize(dataLength);
        return payloadSize + PacketPadding.Size(payloadSize, _paddingUnit);
    }

    /// <summary>Encrypts one packet in place: <paramref name="wire"/> is <see cref="WireSize"/> bytes with the data at <see cref="DataOffset"/>. Adds IV and padding (PROTOCOL section 7).</summary>
    public void Encrypt(Span<byte> wire, int dataLength)
    {
        if (wire.Length != WireSize(dataLength))
            throw new ArgumentException($"The packet takes {WireSize(dataLength)} bytes, not {wire.Length}.", nameof(wire));

        Encrypt(wire.Slice(DataOffset, dataLength), wire);
    }

    /// <summary>Encrypts <paramref name="data"/> into the <see cref="WireSize"/> bytes of <paramref name="wire"/>, which saves copying the data there first.</summary>
    internal void Encrypt(ReadOnlySpan<byte> data, Span<byte> wire)
    {
        if (!Parameters.Stream)
            NextIV().CopyTo(wire);
        EncryptAfterIV(data, wire);
    }

    /// <summary>As <see cref="Encrypt(Span{byte}, int)"/>, but keeps an IV that is already in place: reproduces a recorded packet.</summary>
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

        // The last block: part data, part padding.
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

    // Filled in batches: one call for random bytes takes longer than encrypting a small packet.
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
