using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace XpraAes.Transports;

/// <summary>
/// Sends on a socket. <see cref="NetworkStream"/> keeps the objects of a send as long as its socket; these are pooled, since few of many sockets send at a time.
/// </summary>
internal sealed class SocketSender : SocketAsyncEventArgs, IValueTaskSource
{
    /// <summary>How many are kept; arbitrary.</summary>
    private const int Kept = 64;

    private static readonly Stack<SocketSender> s_pool = new(Kept);

    private ManualResetValueTaskSourceCore<bool> _sent;
    private CancellationToken _cancellation;
    private CancellationTokenRegistration _closing;

    private SocketSender()
        : base(true)
    {
    }

    /// <summary>Sends all of the buffer, which must not change until then. Cancelling it closes the socket.</summary>
    /// <exception cref="IOException">The connection was lost.</exception>
    public static ValueTask SendAsync(Socket socket, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        var sender = Rent();
        sender._cancellation = cancellationToken;
        sender.SetBuffer(MemoryMarshal.AsMemory(buffer));
        bool isPending;
        try
        {
            isPending = socket.SendAsync(sender);
        }
        catch
        {
            sender.Return();
            throw;
        }
        if (isPending)
        {
            sender._closing = cancellationToken.UnsafeRegister(static socket => ((Socket)socket!).Dispose(), socket);
            return new ValueTask(sender, sender._sent.Version);
        }
        var failure = sender.Failure;
        sender.Return();
        return failure is null ? ValueTask.CompletedTask : ValueTask.FromException(failure);
    }

    public ValueTaskSourceStatus GetStatus(short token) => _sent.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) => _sent.OnCompleted(continuation, state, token, flags);

    public void GetResult(short token)
    {
        try
        {
            _sent.GetResult(token);
        }
        finally
        {
            _closing.Dispose();
            _sent.Reset();
            Return();
        }
    }

    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        if (Failure is { } failure)
            _sent.SetException(failure);
        else
            _sent.SetResult(true);
    }

    private Exception? Failure => SocketError switch
    {
        SocketError.Success => null,
        _ when _cancellation.IsCancellationRequested => new OperationCanceledException(_cancellation),
        var error => new IOException("The connection was lost.", new SocketException((int)error)),
    };

    private static SocketSender Rent()
    {
        lock (s_pool)
        {
            if (s_pool.TryPop(out var sender))
                return sender;
        }
        return new SocketSender();
    }

    private void Return()
    {
        (_cancellation, _closing) = (default, default);
        SetBuffer(default);
        lock (s_pool)
        {
            if (s_pool.Count < Kept)
            {
                s_pool.Push(this);
                return;
            }
        }
        Dispose();
    }
}
