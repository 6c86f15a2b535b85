using System.IO.Pipelines;
using XpraAes.Fuzz;

namespace XpraAes.Tests.Transports;

/// <summary>One end of an in-memory connection.</summary>
internal sealed class DuplexStream : PeerStream
{
    private readonly Stream _reader;
    private readonly Stream _writer;

    private DuplexStream(Pipe incoming, Pipe outgoing)
    {
        _reader = incoming.Reader.AsStream();
        _writer = outgoing.Writer.AsStream();
    }

    public static (DuplexStream, DuplexStream) CreatePair()
    {
        var (one, other) = (new Pipe(), new Pipe());
        return (new(one, other), new(other, one));
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _reader.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _writer.WriteAsync(buffer, cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => _reader.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => _writer.Write(buffer, offset, count);

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _reader.Dispose();
            _writer.Dispose();
        }
        base.Dispose(disposing);
    }
}
