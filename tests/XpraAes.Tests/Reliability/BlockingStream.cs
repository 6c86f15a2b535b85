using System.Net.Sockets;
using XpraAes.Fuzz;

namespace XpraAes.Tests.Reliability;

/// <summary>
/// A socket whose asynchronous reads and writes block and complete synchronously: a client on it runs on its own thread and waits in the
/// system, which costs the least CPU time, so that the listener's load is measured.
/// </summary>
internal sealed class BlockingStream(Socket socket) : PeerStream
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => new(buffer.IsEmpty ? 0 : socket.Receive(buffer.Span));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
            buffer = buffer[socket.Send(buffer.Span)..];
        return default;
    }

    protected override void Dispose(bool disposing)
    {
        socket.Dispose();
        base.Dispose(disposing);
    }
}
