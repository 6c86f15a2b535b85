using System.Buffers;
using System.Net.Sockets;

namespace XpraAes.Benchmarks.Hosts;

/// <summary>What .NET itself needs for a relay: two sockets for each session, both directions waiting for data without a buffer, and nothing of ours. <c>bare-relay --target PORT</c>.</summary>
internal static class BareRelayHost
{
    private const int BufferSize = 64 * 1024;

    public static void Run(Dictionary<string, string> arguments)
        => PlainRelayHost.Run(arguments, static async (client, target) =>
        {
            var server = await PlainRelayHost.ConnectAsync(target).ConfigureAwait(false);
            await Task.WhenAll(CopyAsync(client, server), CopyAsync(server, client)).ConfigureAwait(false);
        });

    private static async Task CopyAsync(Socket from, Socket to)
    {
        try
        {
            while (await from.ReceiveAsync(Memory<byte>.Empty).ConfigureAwait(false) == 0)
            {
                var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
                var read = await from.ReceiveAsync(buffer).ConfigureAwait(false);
                if (read == 0)
                    return;
                await to.SendAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // A side has disconnected, which is how each measurement ends.
        }
        finally
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
