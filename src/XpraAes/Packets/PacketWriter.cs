using System.Runtime.CompilerServices;
using XpraAes.Ciphers;
using XpraAes.Transports;

namespace XpraAes.Packets;

/// <summary>
/// Frames and encrypts packets into one buffer and writes it to a stream. Not thread safe: packets must be encrypted in the order in
/// which they are sent, so <see cref="PacketChannel"/> takes a lock and a relay has one loop per direction.
/// </summary>
internal sealed class PacketWriter(Stream stream) : IDisposable
{
    private const int InitialSize = 4 * 1024;
    private const int KeptSize = 64 * 1024;

    private byte[] _buffer = [];
    private int _length;
    private ArraySegment<byte> _passed; // packets that are sent from where they lie, before which nothing is in _buffer
    private long _bytesWritten;
    private long _packetsWritten;

    /// <summary>The encryptor; null while the direction is unencrypted. Owned by this writer.</summary>
    public PacketEncryptor? Encryptor { get; private set; }

    /// <summary>Bytes handed to the stream so far.</summary>
    public long BytesWritten => Volatile.Read(ref _bytesWritten);

    /// <summary>Packets framed so far, chunks included.</summary>
    public long PacketsWritten => Volatile.Read(ref _packetsWritten);

    /// <summary>Bytes waiting for <see cref="FlushAsync"/>.</summary>
    public int Pending => _length + _passed.Count;

    /// <summary>Encrypts every packet from here on; replaces and disposes of an earlier encryptor.</summary>
    public void Arm(PacketEncryptor encryptor)
    {
        Encryptor?.Dispose();
        Encryptor = encryptor;
    }

    /// <summary>Appends one packet to the buffer. It is encrypted if <see cref="Encryptor"/> is set, whatever the flags say.</summary>
    public void Append(byte flags, byte compression, byte chunkIndex, ReadOnlySpan<byte> data)
    {
        KeepPassed();
        var encryptor = Encryptor;
        var wireSize = encryptor?.WireSize(data.Length) ?? data.Length;
        Reserve(PacketHeader.Size + wireSize);
        var packet = _buffer.AsSpan(_length, PacketHeader.Size + wireSize);
        var payload = packet[PacketHeader.Size..];
        flags = (byte)(flags & ~PacketHeader.EncryptedFlag);
        if (encryptor is null)
        {
            new PacketHeader(flags, compression, chunkIndex, data.Length).Write(packet);
            data.CopyTo(payload);
        }
        else
        {
            flags |= PacketHeader.EncryptedFlag;
            new PacketHeader(flags, compression, chunkIndex, encryptor.PayloadSize(data.Length)).Write(packet);
            encryptor.Encrypt(data, payload);
        }
        _length += packet.Length;
        Volatile.Write(ref _packetsWritten, _packetsWritten + 1);
    }

    /// <summary>
    /// Appends unencrypted packets, headers included, as they are. Those that follow each other in memory are not copied, so they must not change
    /// before they are written, or another packet is appended.
    /// </summary>
    /// <exception cref="InvalidOperationException">Packets are encrypted here.</exception>
    public void Pass(ArraySegment<byte> packet)
    {
        if (Encryptor is not null)
            throw new InvalidOperationException("Packets are encrypted here.");
        Volatile.Write(ref _packetsWritten, _packetsWritten + 1);
        if (_passed.Count > 0 && packet.Array == _passed.Array && packet.Offset == _passed.Offset + _passed.Count)
        {
            _passed = new(packet.Array!, _passed.Offset, _passed.Count + packet.Count);
            return;
        }
        if (Pending == 0)
        {
            _passed = packet;
            return;
        }
        KeepPassed();
        Copy(packet);
    }

    /// <summary>Writes what is buffered.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (Pending == 0)
            return;
        await StartFlush(cancellationToken).ConfigureAwait(false);
        EndFlush();
    }

    /// <summary>Starts writing a nonempty buffer. <see cref="EndFlush"/> must follow when it is written.</summary>
    public ValueTask StartFlush(CancellationToken cancellationToken) => stream.WriteAsync(_passed.Count > 0 ? _passed : _buffer.AsMemory(0, _length), cancellationToken);

    /// <summary>Counts what was written and returns the buffer to the pool, so that an idle connection holds none.</summary>
    public void EndFlush()
    {
        Volatile.Write(ref _bytesWritten, _bytesWritten + Pending);
        Release();
    }

    /// <summary>Zeroes the key. The disposed encryptor stays set, so that nothing can go out unencrypted instead.</summary>
    public void Dispose()
    {
        Encryptor?.Dispose();
        Release();
    }

    private void KeepPassed()
    {
        if (_passed.Count == 0)
            return;
        Copy(_passed);
        _passed = default;
    }

    private void Copy(ReadOnlySpan<byte> packets)
    {
        Reserve(packets.Length);
        packets.CopyTo(_buffer.AsSpan(_length));
        _length += packets.Length;
    }

    private void Reserve(int size)
    {
        var needed = checked(_length + size);
        if (needed <= _buffer.Length)
            return;
        var larger = TransitBuffers.Rent(Math.Max(needed, _length == 0 ? InitialSize : Math.Max(KeptSize, 2 * _length)));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ReturnBuffer();
        _buffer = larger;
    }

    private void Release()
    {
        _length = 0;
        _passed = default;
        ReturnBuffer();
    }

    private void ReturnBuffer()
    {
        TransitBuffers.Return(_buffer);
        _buffer = [];
    }
}
