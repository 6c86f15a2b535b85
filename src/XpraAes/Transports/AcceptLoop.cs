using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Transports;

/// <summary>Accepts one client after the other.</summary>
internal static class AcceptLoop
{
    /// <summary>Pause after a failed accept, for example for lack of file descriptors, so that the loop does not spin; arbitrary.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The clients, until the point no longer listens. What cannot be accepted for now is logged, and tried again.</summary>
    /// <param name="point">Where they connect to.</param>
    /// <param name="log">Where failures go.</param>
    /// <param name="isOpen">False: it is closed on purpose, and what fails is no failure.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async IAsyncEnumerable<AcceptedClient> AcceptAllAsync(this IListeningPoint point, ILogger log, Func<bool> isOpen, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (isOpen())
        {
            AcceptedClient client;
            try
            {
                client = await point.AcceptClientAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException || !isOpen())
            {
                yield break;
            }
            catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
            {
                Log.AcceptFailed(log, point.Address, e);
                await Task.Delay(s_pause, CancellationToken.None).ConfigureAwait(false);
                continue;
            }
            yield return client;
        }
    }
}
