using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using XpraAes.Ciphers;
using XpraAes.Handshake;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>
/// Clients that come evenly, each from an address of its own, and go once they have their answer and an echo, at a share of what the
/// keys of their sessions allow. Both ends derive two keys each, on the same processors, whose speed changes from second to second
/// where others use them too: so the clients measure what deriving a key takes of a processor's time just then, and come as that allows.
/// </summary>
internal sealed class Arrivals(Loopback loopback, int iterations)
{
    /// <summary>Of both ends together.</summary>
    private const int KeysOfSession = 4;

    /// <summary>Clients at a time, each a thread: as many as wait in a listener's backlog.</summary>
    private const int MaxAtOnce = 512;

    /// <summary>How much the newest key counts in the mean: enough that it follows the processors within the second.</summary>
    private const double Newest = 1 / 32.0;

    /// <summary>Of so many clients one measures: asking the system for a thread's time is not free either.</summary>
    private const int Measuring = 4;

    private readonly ConcurrentQueue<TimeSpan> _waits = new();
    private readonly ConcurrentQueue<Exception> _turnedAway = new();
    private readonly Queue<long> _due = new(); // its lock wakes the threads, and guards the mean
    private bool _isOver;
    private double _secondsForKey;
    private int _came;
    private int _here;
    private int _most;

    /// <summary>From when each client was due until it had its echo, the shortest first.</summary>
    public TimeSpan[] Waits => [.. _waits.Order()];

    /// <summary>What those met that were not let in.</summary>
    public IReadOnlyList<Exception> TurnedAway => [.. _turnedAway];

    /// <summary>How many were there at a time.</summary>
    public int Most => Volatile.Read(ref _most);

    /// <summary>The sessions a second that all processors could derive the keys of if they did nothing else.</summary>
    private double KeysAllow
    {
        get
        {
            lock (_due)
                return Environment.ProcessorCount / (KeysOfSession * _secondsForKey);
        }
    }

    /// <summary>The same as all processors do it in two seconds, in loops that derive keys and do nothing else.</summary>
    public double LoopsAllow()
    {
        var parameters = CipherCapabilities.Generate(AesMode.CTR, ProtocolDefaults.KeySize, ProtocolDefaults.KeyHash, iterations, PaddingScheme.Pkcs7, 16, true);
        long count = 0;
        var started = Stopwatch.GetTimestamp();
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(2))
            {
                SessionCiphers.CreateEncryptor(loopback.Key, parameters).Dispose();
                Interlocked.Increment(ref count);
            }
        });
        return count / Stopwatch.GetElapsedTime(started).TotalSeconds / KeysOfSession;
    }

    /// <summary>Comes once, so that it is known what a key takes.</summary>
    public Task ComeOnceAsync() => ExchangeAsync(Interlocked.Increment(ref _came));

    /// <summary>Lets clients come for that long and waits until all have gone. Returns how many came a second, and how many the keys would have allowed meanwhile, on average.</summary>
    public (double Came, double Allowed) Run(double share, TimeSpan time)
    {
        _waits.Clear();
        _isOver = false;
        var threads = Enumerable.Range(0, MaxAtOnce).Select(_ => new Thread(ComeAsTheyAreDue, maxStackSize: 256 * 1024)).ToArray();
        foreach (var thread in threads)
            thread.Start();
        var (count, allowed) = (0, 0.0);
        var started = Stopwatch.GetTimestamp();
        var due = started;
        while (Stopwatch.GetElapsedTime(started, due) < time)
        {
            if (-Stopwatch.GetElapsedTime(due).TotalMilliseconds is > 0 and var early)
            {
                Thread.Sleep((int)Math.Ceiling(early));
                continue;
            }
            lock (_due)
            {
                _due.Enqueue(due);
                Monitor.Pulse(_due);
            }
            count++;
            var rate = KeysAllow;
            var interval = 1 / (share * rate);
            allowed += rate * interval;
            due += (long)(interval * Stopwatch.Frequency);
        }
        var seconds = Stopwatch.GetElapsedTime(started, due).TotalSeconds;
        lock (_due)
        {
            _isOver = true;
            Monitor.PulseAll(_due);
        }
        foreach (var thread in threads)
            thread.Join();
        return (count / seconds, allowed / seconds);
    }

    private void ComeAsTheyAreDue()
    {
        while (true)
        {
            long due;
            lock (_due)
            {
                while (!_due.TryDequeue(out due))
                {
                    if (_isOver)
                        return;
                    Monitor.Wait(_due);
                }
                _most = Math.Max(_most, Interlocked.Increment(ref _here));
            }
            Come(due);
            Interlocked.Decrement(ref _here);
        }
    }

    private void Come(long due)
    {
        try
        {
            ExchangeAsync(Interlocked.Increment(ref _came)).GetAwaiter().GetResult();
            _waits.Enqueue(Stopwatch.GetElapsedTime(due));
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException or XpraAesException)
        {
            _turnedAway.Enqueue(e);
        }
    }

    /// <summary>Nothing in here waits but in the system: <see cref="BlockingStream"/>.</summary>
    private async Task ExchangeAsync(int number)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = (int)Loopback.HelloTimeout.TotalMilliseconds };
        await using var client = new FakePeer(socket, loopback.Key, new BlockingStream(socket));
        socket.Bind(new IPEndPoint(Sources.Number(number), 0));
        socket.Connect(IPAddress.Loopback, loopback.Listener.Port);
        await client.OpenSessionAsync(Generation.Named("6.2") with { Iterations = iterations }, AesMode.CTR, derive: number % Measuring == 1 ? Measure : null);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
    }

    private void Measure(Action derivation)
    {
        var before = ThreadTime();
        derivation();
        var took = ThreadTime() - before;
        lock (_due)
            _secondsForKey = _secondsForKey == 0 ? took : _secondsForKey + Newest * (took - _secondsForKey);
    }

    /// <summary>The seconds of a processor that this thread has had: clock_gettime(2), CLOCK_THREAD_CPUTIME_ID of Linux.</summary>
    private static double ThreadTime()
    {
        const int ThreadCpuTime = 3;
        return ClockGetTime(ThreadCpuTime, out var time) == 0 ? time.Seconds + time.Nanoseconds / 1e9 : throw new PlatformNotSupportedException();
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ClockGetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
