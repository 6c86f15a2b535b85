namespace XpraAes.Ciphers;

/// <summary>Decrypts received packets in place and without allocating. Not thread safe.</summary>
public sealed class PacketDecryptor : IDisposable
{
    private readonly BlockModeCipher _mode;
    private int _decrypted; // bytes of the current packet already decrypted; nonzero only after MoreNeeded

    internal PacketDecryptor(CipherParameters parameters, BlockModeCipher mode)
    {
        Parameters = parameters;
        _mode = mode;
        if (parameters.Mode != AesMode.CBC)
            return;

        // stream=false implies padding to 16, legacy padding implies padding to 32 (PROTOCOL section 0).
        if (parameters.PaddingUnit != 0)
            SetPaddingUnit(parameters.PaddingUnit);
        else if (!parameters.Stream)
            PaddingUnit = 16;
        else if (parameters.Padding == PaddingScheme.Legacy)
            PaddingUnit = PacketPadding.MaxUnit;
    }

    /// <summary>The parameters that we asked for.</summary>
    public CipherParameters Parameters { get; }

    /// <summary>The block length in bytes that the peer pads to; 0 while unknown, and in modes that do not pad.</summary>
    public int PaddingUnit { get; private set; }

    /// <summary>Offset in bytes of the data in the wire buffer: 0, or 16, after the packet's own IV, if <see cref="CipherParameters.Stream"/> is false.</summary>
    public int DataOffset => Parameters.Stream ? 0 : ProtocolDefaults.BlockSize;

    /// <summary>Sets the padding unit, 16 or 32 bytes, once the peer's version is known. Modes that do not pad ignore it.</summary>
    public void SetPaddingUnit(int unit)
    {
        if (unit is not (16 or 32))
            throw new ArgumentOutOfRangeException(nameof(unit), unit, "CBC pads to 16 or 32 bytes.");

        if (Parameters.Mode == AesMode.CBC)
            PaddingUnit = unit;
    }

    /// <summary>The bytes to read after a header with this size field, including IV and padding; the minimum while the padding unit is unknown. Throws <see cref="MalformedPacketException"/> if no data would be left, or above 256 MiB.</summary>
    public int WireSize(int payloadSize)
    {
        if (payloadSize <= DataOffset || payloadSize > ProtocolDefaults.MaxHeaderPayload)
            throw new MalformedPacketException($"The header announces a payload of {payloadSize} bytes.");

        int unit = Parameters.Mode == AesMode.CBC && PaddingUnit == 0 ? 16 : PaddingUnit;
        return payloadSize + PacketPadding.Size(payloadSize, unit);
    }

    /// <summary>Decrypts one packet in place: <paramref name="wire"/> is <see cref="WireSize"/> bytes. After Done the data is between <see cref="DataOffset"/> and <paramref name="payloadSize"/>. After MoreNeeded call again with the same bytes and the 16 that follow.</summary>
    public DecryptStatus Decrypt(Span<byte> wire, int payloadSize)
    {
        if (wire.Length != WireSize(payloadSize))
            throw new ArgumentException($"The packet takes {WireSize(payloadSize)} bytes, not {wire.Length}.", nameof(wire));

        if (!Parameters.Stream)
            _mode.Reset(wire[..DataOffset]);

        var body = wire[Math.Max(DataOffset, _decrypted)..];
        _mode.Transform(body, body);
        _decrypted = 0;

        var padding = wire[payloadSize..];
        bool right = PacketPadding.IsAll(padding, PacketPadding.Value(Parameters.Padding, padding.Length));
        if (Parameters.Mode != AesMode.CBC || PaddingUnit != 0)
            return right ? DecryptStatus.Done : DecryptStatus.WrongPadding;

        // The padding unit is still unknown. Half of all lengths get the same padding with 16 and 32 (PROTOCOL section 12).
        if (payloadSize % 32 >= 16)
            return right ? DecryptStatus.Done : DecryptStatus.WrongPadding;

        if (right)
        {
            PaddingUnit = 16;
            return DecryptStatus.Done;
        }

        if (!PacketPadding.IsAll(padding, PacketPadding.Value(Parameters.Padding, padding.Length + 16)))
            return DecryptStatus.WrongPadding;

        PaddingUnit = 32;
        _decrypted = wire.Length;
        return DecryptStatus.MoreNeeded;
    }

    /// <summary>Zeroes the key.</summary>
    public void Dispose() => _mode.Dispose();
}
