using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>
/// Answers one HTTP request on each connection. .NET's HttpListener would do for TCP, but it serves no Unix sockets, and limits neither the
/// number of connections nor how slowly a request may arrive.
/// </summary>
internal sealed class ManagementServer : IDisposable
{
    /// <summary>Connections at a time. One more ends the oldest, so that whoever keeps connections open locks nobody out; arbitrary.</summary>
    public const int MaxConnections = 32;

    private readonly IListeningPoint _point;
    private readonly Func<HttpHead?, bool, CancellationToken, Task<WebAnswer>> _answer;
    private readonly ILogger _log;
    private readonly TimeSpan _timeout;
    private readonly CancellationTokenSource _stopping = new();
    private readonly LinkedList<CancellationTokenSource> _connections = []; // oldest first

    /// <summary>Starts to answer.</summary>
    /// <param name="point">Where; it is disposed of with this.</param>
    /// <param name="answer">Gives the answer to a request; null is what was none, or too long. True: it comes from a process of the same user, or of root.</param>
    /// <param name="log">Where failures go.</param>
    /// <param name="timeout">Time for a connection's request and its answer; null for 10 s, which is Prometheus' own.</param>
    public ManagementServer(IListeningPoint point, Func<HttpHead?, bool, CancellationToken, Task<WebAnswer>> answer, ILogger log, TimeSpan? timeout = null)
    {
        (_point, _answer, _log, _timeout) = (point, answer, log, timeout ?? TimeSpan.FromSeconds(10));
        _ = Task.Run(AcceptAsync);
    }

    /// <summary>The address and port, or the path, as text.</summary>
    public string Address => _point.Address;

    public void Dispose()
    {
        // First, so that the end of the accepting is no failure.
        _stopping.Cancel();
        _point.Dispose();
    }

    private async Task AcceptAsync()
    {
        await foreach (var client in _point.AcceptAllAsync(_log, () => !_stopping.IsCancellationRequested, _stopping.Token).ConfigureAwait(false))
        {
            var place = Enter();
            _ = Task.Run(() => ServeAsync(client, place));
        }
    }

    private async Task ServeAsync(AcceptedClient client, LinkedListNode<CancellationTokenSource> place)
    {
        using var ending = place.Value;
        var stream = client.Stream;
        var channel = new PacketChannel(stream, Limits.Default); // only to linger
        try
        {
            var (head, _) = await HttpHead.ReadAsync(stream, default, isAnswer: false, ending.Token).ConfigureAwait(false);
            var answer = await _answer(head, client.IsSameUser, ending.Token).ConfigureAwait(false);
            await using var content = answer.Content.ConfigureAwait(false);
            if (!answer.IsBare)
                await stream.WriteAsync(answer.FormatHead(keepsAlive: false), ending.Token).ConfigureAwait(false);
            if (head?.Request is not { IsHead: true })
                await answer.Content.CopyToAsync(stream, ending.Token).ConfigureAwait(false);
            await channel.LingerAsync(Limits.Default.CloseGrace, ending.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException or ObjectDisposedException or XpraAesException)
        {
            // It has gone, or was too slow.
        }
        catch (Exception e)
        {
            Log.ManagementFailed(_log, Address, e);
        }
        finally
        {
            lock (_connections)
            {
                if (place.List is not null)
                    _connections.Remove(place);
            }
            await channel.DisposeAsync().ConfigureAwait(false);
            client.Dispose();
        }
    }

    /// <summary>A place for the connection that has just been accepted, with what ends it: its time, the next one too many, or the end of this server.</summary>
    private LinkedListNode<CancellationTokenSource> Enter()
    {
        var ending = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        ending.CancelAfter(_timeout);
        lock (_connections)
        {
            if (_connections.Count >= MaxConnections)
            {
                // Within the lock, so that it is not disposed of meanwhile; what it cancels runs elsewhere.
                _connections.First!.Value.CancelAfter(TimeSpan.Zero);
                _connections.RemoveFirst();
            }
            return _connections.AddLast(ending);
        }
    }
}
