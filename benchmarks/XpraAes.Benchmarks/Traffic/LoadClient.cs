using System.Diagnostics;
using System.Net.Sockets;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>One connection of the load: packets whose echoes are counted or timed.</summary>
internal sealed class LoadClient(ILink link) : IDisposable
{
    private long _echoed;
    private volatile bool _stopped;

    /// <summary>Bytes echoed so far.</summary>
    public long Echoed => Interlocked.Read(ref _echoed);

    /// <summary>Sends this packet repeatedly, with one write each like xpra, until <see cref="Dispose"/>: as fast as it is taken, or at most so many bytes a second.</summary>
    public void Flood(byte[] packet, double most = double.PositiveInfinity)
    {
        Start(() =>
        {
            var start = Stopwatch.GetTimestamp();
            for (var sent = 0.0; !_stopped; sent += packet.Length)
            {
                if (TimeSpan.FromSeconds(sent / most) - Stopwatch.GetElapsedTime(start) is { Ticks: > TimeSpan.TicksPerMillisecond } ahead)
                    Thread.Sleep(ahead);
                link.Send(packet);
            }
        });
        Start(() =>
        {
            var buffer = new byte[256 * 1024];
            int read;
            while (!_stopped && (read = link.Receive(buffer)) > 0)
                Interlocked.Add(ref _echoed, read);
        });
    }

    /// <summary>Sends a packet, waits for its echo, and returns the time taken.</summary>
    public TimeSpan Ping(byte[] packet)
    {
        Span<byte> buffer = stackalloc byte[512];
        var start = Stopwatch.GetTimestamp();
        link.Send(packet);
        for (var missing = packet.Length; missing > 0;)
        {
            var read = link.Receive(buffer);
            if (read == 0)
                throw new InvalidOperationException("The connection ended during a ping.");
            missing -= read;
        }
        return Stopwatch.GetElapsedTime(start);
    }

    public void Dispose()
    {
        _stopped = true;
        link.Dispose();
    }

    private static void Start(Action loop) => new Thread(() =>
    {
        try
        {
            loop();
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }) { IsBackground = true }.Start();
}
