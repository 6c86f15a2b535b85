using System.Runtime.CompilerServices;
using XpraAes.Ciphers;

namespace XpraAes.Packets;

/// <summary>
/// Frames and encrypts packets into one buffer and writes them to a stream. Not thread safe: packets must be encrypted in the
/// order in which they are sent, so one owner writes (<see cref="PacketChannel"/> takes a lock, a relay has one loop per direction).
/// </summary>
internal sealed class PacketWriter(Stream stream) : IDisposable
{
    private const int InitialSize = 4 * 1024;
    private const int KeptSize = 64 * 1024;

    private byte[] _buffer = [];
    private int _length;
    private long _bytesWritten;
    private long _packetsWritten;

    /// <summary>What encrypts; null while the direction is in clear. Owned by this writer.</summary>
    public PacketEncryptor? Encryptor { get; private set; }

    /// <summary>Bytes handed to the stream so far.</summary>
    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    /// <summary>Packets framed so far, chunks included.</summary>
    public long PacketsWritten => Interlocked.Read(ref _packetsWritten);

    /// <summary>Bytes that wait for <see cref="FlushAsync"/>.</summary>
    public int Pending => _length;

    /// <summary>From here on every packet is encrypted with this one, in place of the earlier one.</summary>
    public void Arm(PacketEncryptor encryptor)
    {
        Encryptor?.Dispose();
        Encryptor = encryptor;
    }

    /// <summary>Frames one packet behind those that wait. Whether it is encrypted is decided here, not by the flags given.</summary>
    public void Append(byte flags, byte compression, byte chunkIndex, ReadOnlySpan<byte> data)
    {
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
        Interlocked.Increment(ref _packetsWritten);
    }

    /// <summary>Writes what waits.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_length == 0)
            return;
        await StartFlush(cancellationToken).ConfigureAwait(false);
        EndFlush();
    }

    /// <summary>Begins to write what waits, which is something. <see cref="EndFlush"/> must follow when it is written.</summary>
    public ValueTask StartFlush(CancellationToken cancellationToken) => stream.WriteAsync(_buffer.AsMemory(0, _length), cancellationToken);

    /// <summary>Counts what has been written. The buffer goes back to the pool, so that an idle connection holds none.</summary>
    public void EndFlush()
    {
        Interlocked.Add(ref _bytesWritten, _length);
        Release();
    }

    /// <summary>Zeroes the key. The encryptor stays, of no more use, so that nothing goes out in clear in its place.</summary>
    public void Dispose()
    {
        Encryptor?.Dispose();
        Release();
    }

    private void Reserve(int size)
    {
        var needed = checked(_length + size);
        if (needed <= _buffer.Length)
            return;
        var larger = PacketBuffers.Rent(Math.Max(needed, _length == 0 ? InitialSize : Math.Max(KeptSize, 2 * _length)));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ReturnBuffer();
        _buffer = larger;
    }

    private void Release()
    {
        _length = 0;
        ReturnBuffer();
    }

    private void ReturnBuffer()
    {
        PacketBuffers.Return(_buffer);
        _buffer = [];
    }
}
