using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;

namespace XpraAes.Tests.Replay;

/// <summary>
/// Runs both directions of a recorded session through XpraAes' reader, ciphers and decoders, in the order of arrival. It knows only
/// the key data and the order of the directions in advance; every cipher comes from the capabilities in the streams.
/// </summary>
internal sealed class SessionReplay : IDisposable
{
    private readonly Capture _capture;
    private readonly XpraKey _key;
    private readonly Dictionary<string, Side> _sides;
    private readonly List<Context> _contexts = [];
    private int _number;

    public SessionReplay(Capture capture)
    {
        _capture = capture;
        _key = XpraKey.FromBytes(capture.KeyData, KeySource.KeyFile);
        _sides = new[] { "c2s", "s2c" }.ToDictionary(direction => direction, direction => new Side(Bytes(direction)));
    }

    /// <summary>A cipher that came into force: for which direction, announced in which packet (null: assumed before the first).</summary>
    public sealed record Context(string Direction, int? AnnouncedIn, CipherParameters Parameters, byte[] DerivedKey);

    /// <summary>One direction: its bytes, and what reads them and writes them again.</summary>
    private sealed class Side(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;
        public PacketReader Reader { get; } = new(new MemoryStream(bytes), ProtocolDefaults.MaxPacketSize);
        public MemoryStream Written { get; } = new();
        public PacketEncryptor? Encryptor { get; set; }
        public int Offset { get; set; }
    }

    public IReadOnlyList<Context> Contexts => _contexts;

    /// <summary>Every packet in order. When this has ended without an exception, both streams were read to their ends.</summary>
    public async IAsyncEnumerable<ReplayedPacket> RunAsync()
    {
        await DetectEncryptedFirstPacketAsync();
        foreach (var recorded in _capture.Packets)
        {
            var packet = await NextAsync(recorded.GetProperty("dir").GetString()!, _number);
            _number++;
            yield return packet;
            if ((packet.IsHello || packet.IsChallenge) && CipherCapabilities.Read(packet.Packet.Dictionary(packet.IsHello ? 1 : 2)) is { } announced)
                Arm(packet.Direction == "c2s" ? "s2c" : "c2s", announced.Parameters, packet.Number);
        }
        foreach (var (direction, side) in _sides)
        {
            if (await side.Reader.ReadAsync(default))
                throw new InvalidDataException($"{_capture.Name}: {direction} holds more packets than were recorded.");
        }
    }

    /// <summary>The packet written again with the cipher of its direction, as bytes on the wire. To be called in order, before the next packet.</summary>
    public byte[] WriteAgain(ReplayedPacket packet)
    {
        var side = _sides[packet.Direction];
        if (!packet.Header.IsEncrypted || side.Encryptor is not { } encryptor)
        {
            using var clear = new MemoryStream();
            using var writer = new PacketWriter(clear);
            writer.Append(packet.Header.Flags, packet.Header.Compression, packet.Header.ChunkIndex, packet.Payload);
            writer.FlushAsync(default).AsTask().GetAwaiter().GetResult();
            return clear.ToArray();
        }
        var wire = new byte[PacketHeader.Size + encryptor.WireSize(packet.Payload.Length)];
        new PacketHeader(packet.Header.Flags, packet.Header.Compression, packet.Header.ChunkIndex, encryptor.PayloadSize(packet.Payload.Length)).Write(wire);
        var body = wire.AsSpan(PacketHeader.Size);
        packet.Wire.AsSpan(PacketHeader.Size, encryptor.DataOffset).CopyTo(body);
        packet.Payload.CopyTo(body[encryptor.DataOffset..]);
        encryptor.EncryptAfterIV(body, packet.Payload.Length);
        return wire;
    }

    public void Dispose()
    {
        foreach (var side in _sides.Values)
        {
            side.Reader.Dispose();
            side.Encryptor?.Dispose();
        }
        _key.Dispose();
    }

    private byte[] Bytes(string direction)
    {
        var recorded = _capture.Stream(direction);
        return _capture.IsWebSocket ? WebSocketRecording.Unframe(recorded) : recorded;
    }

    /// <summary>XPRA_ENCRYPT_FIRST_PACKET: the parameters are found by trying what the generations do.</summary>
    private async Task DetectEncryptedFirstPacketAsync()
    {
        var client = _sides["c2s"];
        var derivations = new DerivationGate(1).For(System.Net.IPAddress.None);
        if (await FirstPacket.DetectAsync(client.Reader, [_key], Enum.GetValues<AesMode>(), Limits.Default, derivations, default) is not { } found)
            return;
        Arm("c2s", found.Parameters, announcedIn: null);
    }

    private void Arm(string direction, CipherParameters parameters, int? announcedIn)
    {
        var side = _sides[direction];
        var derived = new byte[parameters.KeySize];
        KeyStretching.Derive(_key.Data, parameters, derived);
        side.Reader.Arm(PacketCipher.CreateDecryptor(parameters, derived));
        side.Encryptor?.Dispose();
        // Where the padding of an encrypted first packet fits both units, which one makes no difference to it, the only one under this cipher.
        side.Encryptor = PacketCipher.CreateEncryptor(parameters.PaddingUnit == 0 ? parameters with { PaddingUnit = 16 } : parameters, derived);
        _contexts.Add(new Context(direction, announcedIn, parameters, derived));
    }

    private async Task<ReplayedPacket> NextAsync(string direction, int number)
    {
        var side = _sides[direction];
        if (!await side.Reader.ReadAsync(default))
            throw new InvalidDataException($"{_capture.Name}: {direction} ends before packet {number}.");
        var header = side.Reader.Header;
        var size = PacketHeader.Size + (header.IsEncrypted ? side.Reader.Decryptor!.WireSize(header.PayloadSize) : header.PayloadSize);
        var offset = side.Offset;
        side.Offset += size;
        var payload = side.Reader.Payload.ToArray();
        // A chunk is raw data, such as a picture, that belongs to the packet that follows it.
        if (header.IsChunk)
            return new ReplayedPacket(number, direction, offset, side.Bytes[offset..side.Offset], payload, new Packet([], header));
        var data = header.Compression == 0 ? payload : PacketCompression.Decompress(header.Compression, payload, Limits.Default.DecompressedSize);
        var items = (object?[])PacketCodec.Decode(header.Encoding, data, new DecodeLimits(Limits.Default.EncodingDepth, Limits.Default.EncodingItems))!;
        return new ReplayedPacket(number, direction, offset, side.Bytes[offset..side.Offset], payload, new Packet(items, header));
    }
}
