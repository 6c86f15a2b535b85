namespace XpraAes.Ciphers;

/// <summary>Decrypts what one side of a connection receives, packet by packet, in place and without allocating. Not for two threads at once.</summary>
public sealed class PacketDecryptor : IDisposable
{
    private readonly BlockModeCipher _mode;
    private int _decrypted; // bytes of the current packet that are decrypted already: not 0 only after MoreNeeded

    internal PacketDecryptor(CipherParameters parameters, BlockModeCipher mode)
    {
        Parameters = parameters;
        _mode = mode;
        if (parameters.Mode != AesMode.CBC)
            return;

        // Only versions that pad to 16 have stream=false; only those that pad to 32 have legacy padding (PROTOCOL section 0).
        if (parameters.PaddingUnit != 0)
            SetPaddingUnit(parameters.PaddingUnit);
        else if (!parameters.Stream)
            PaddingUnit = 16;
        else if (parameters.Padding == PaddingScheme.Legacy)
            PaddingUnit = PacketPadding.MaxUnit;
    }

    /// <summary>What we asked for.</summary>
    public CipherParameters Parameters { get; }

    /// <summary>The length in bytes that the peer pads to a multiple of; 0 while it is unknown, and in modes that do not pad.</summary>
    public int PaddingUnit { get; private set; }

    /// <summary>Where in the wire buffer the data stands: 0, or 16 behind the packet's own IV where <see cref="CipherParameters.Stream"/> is false.</summary>
    public int DataOffset => Parameters.Stream ? 0 : ProtocolDefaults.BlockSize;

    /// <summary>Sets the padding unit, 16 or 32, once the peer's hello tells its generation. Modes that do not pad ignore it.</summary>
    public void SetPaddingUnit(int unit)
    {
        if (unit is not (16 or 32))
            throw new ArgumentOutOfRangeException(nameof(unit), unit, "CBC pads to 16 or 32 bytes.");

        if (Parameters.Mode == AesMode.CBC)
            PaddingUnit = unit;
    }

    /// <summary>The bytes to read after a header with this size field: with the IV and the padding. While the padding unit is unknown, the fewest it can be. Throws <see cref="MalformedPacketException"/> where no data would be left, or above 256 MiB.</summary>
    public int WireSize(int payloadSize)
    {
        if (payloadSize <= DataOffset || payloadSize > ProtocolDefaults.MaxHeaderPayload)
            throw new MalformedPacketException($"The header announces a payload of {payloadSize} bytes.");

        int unit = Parameters.Mode == AesMode.CBC && PaddingUnit == 0 ? 16 : PaddingUnit;
        return payloadSize + PacketPadding.Size(payloadSize, unit);
    }

    /// <summary>Decrypts one packet where it stands: <paramref name="wire"/> is <see cref="WireSize"/> bytes. Done leaves the data between <see cref="DataOffset"/> and <paramref name="payloadSize"/>. After MoreNeeded call again with the same bytes and the 16 that follow them.</summary>
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

        // Unknown yet whether the peer pads to 16 or 32. Half of all lengths get the same padding either way (PROTOCOL section 12).
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
