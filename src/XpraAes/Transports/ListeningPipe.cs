using System.IO.Pipes;

namespace XpraAes.Transports;

/// <summary>
/// A named pipe that only the user who made it can use. There is always an instance of it: as long as there is, its access control list keeps others from
/// adding instances of their own, which would get some of the clients.
/// </summary>
internal sealed class ListeningPipe : IListeningPoint
{
    /// <summary>In bytes, as xpra's.</summary>
    private const int BufferSize = 64 * 1024;

    private readonly string _pipe;
    private readonly object _gate = new();
    private NamedPipeServerStream? _next;
    private bool _disposed;

    /// <summary>Creates the pipe.</summary>
    /// <param name="endpoint">Its endpoint.</param>
    /// <param name="pipe">Its name on this machine.</param>
    /// <exception cref="UnauthorizedAccessException">Or IOException: somebody has a pipe of that name.</exception>
    public ListeningPipe(XpraEndpoint endpoint, string pipe)
    {
        (Endpoint, _pipe) = (endpoint, pipe);
        _next = Create(isFirst: true);
    }

    public XpraEndpoint Endpoint { get; }

    public string Address => NamedPipeTransport.PathOf(Endpoint.Path!);

    public async ValueTask<AcceptedClient> AcceptClientAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            // None is left only if the system could not make another. Then the name may be somebody else's by now.
            var pipe = _next ?? Replace(isFirst: true);
            var isConnected = await ConnectAsync(pipe, cancellationToken).ConfigureAwait(false);
            try
            {
                Replace(isFirst: false);
            }
            catch
            {
                _next = null;
                await pipe.DisposeAsync().ConfigureAwait(false);
                throw;
            }
            if (isConnected)
                return new PipeClient(pipe);
            await pipe.DisposeAsync().ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _next?.Dispose();
        }
    }

    /// <summary>False if a client came and has left already.</summary>
    private static async Task<bool> ConnectAsync(NamedPipeServerStream pipe, CancellationToken cancellationToken)
    {
        try
        {
            await pipe.WaitForConnectionAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private NamedPipeServerStream Replace(bool isFirst)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _next = Create(isFirst);
        }
    }

    private NamedPipeServerStream Create(bool isFirst) => new(
        _pipe, PipeDirection.InOut, NamedPipeServerStream.MaxAllowedServerInstances, PipeTransmissionMode.Byte,
        PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly | (isFirst ? PipeOptions.FirstPipeInstance : PipeOptions.None), BufferSize, BufferSize);
}
