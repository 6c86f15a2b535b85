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
/// Clients that arrive at an even rate, each from its own address, and leave after the hello and an echo. The rate is a share of what key
/// derivation allows: both ends derive two keys for each session, on processors whose speed may vary with other load, so the clients
/// keep measuring the CPU time of a derivation.
/// </summary>
internal sealed class Arrivals(Loopback loopback, int iterations)
{
    /// <summary>Of both ends.</summary>
    private const int KeysOfSession = 4;

    /// <summary>Concurrent clients, one thread each: as many as fit in a listener's backlog.</summary>
    private const int MaxConcurrent = 512;

    /// <summary>The weight of the newest measurement in the moving average, which follows the processors within a second.</summary>
    private const double NewestWeight = 1 / 32.0;

    /// <summary>One of so many clients measures, since reading a thread's CPU time has a cost.</summary>
    private const int MeasureEvery = 4;

    private readonly ConcurrentQueue<TimeSpan> _waits = new();
    private readonly ConcurrentQueue<Exception> _rejections = new();
    private readonly Queue<long> _due = new(); // its lock wakes the threads, and guards the average
    private bool _isOver;
    private double _secondsForKey;
    private int _started;
    private int _connected;
    private int _maxConnected;

    /// <summary>The time from when each client was due until it had its echo, the shortest first.</summary>
    public TimeSpan[] Waits => [.. _waits.Order()];

    /// <summary>The errors of clients that were not accepted.</summary>
    public IReadOnlyList<Exception> Rejections => [.. _rejections];

    /// <summary>The most clients at a time.</summary>
    public int MaxConnected => Volatile.Read(ref _maxConnected);

    /// <summary>The sessions per second whose keys all processors could derive if they did nothing else.</summary>
    private double AllowedRate
    {
        get
        {
            lock (_due)
                return Environment.ProcessorCount / (KeysOfSession * _secondsForKey);
        }
    }

    /// <summary>The same, measured on all processors in loops of two seconds that only derive keys.</summary>
    public double MeasureAllowedRate()
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

    /// <summary>Connects once, to measure the cost of a key.</summary>
    public Task RunOnceAsync() => ExchangeAsync(Interlocked.Increment(ref _started));

    /// <summary>Lets clients connect for that long and waits until all have gone. Returns how many connected per second, and how many the keys would have allowed, on average.</summary>
    public (double Rate, double Allowed) Run(double share, TimeSpan time)
    {
        _waits.Clear();
        _isOver = false;
        var threads = Enumerable.Range(0, MaxConcurrent).Select(_ => new Thread(RunDueClients, maxStackSize: 256 * 1024)).ToArray();
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
            var rate = AllowedRate;
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

    private void RunDueClients()
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
                _maxConnected = Math.Max(_maxConnected, Interlocked.Increment(ref _connected));
            }
            RunClient(due);
            Interlocked.Decrement(ref _connected);
        }
    }

    private void RunClient(long due)
    {
        try
        {
            ExchangeAsync(Interlocked.Increment(ref _started)).GetAwaiter().GetResult();
            _waits.Enqueue(Stopwatch.GetElapsedTime(due));
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException or XpraAesException)
        {
            _rejections.Enqueue(e);
        }
    }

    /// <summary>Waits only in system calls: <see cref="BlockingStream"/>.</summary>
    private async Task ExchangeAsync(int number)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = (int)Loopback.HelloTimeout.TotalMilliseconds };
        await using var client = new FakePeer(socket, loopback.Key, new BlockingStream(socket));
        socket.Bind(new IPEndPoint(Sources.Number(number), 0));
        socket.Connect(IPAddress.Loopback, loopback.Listener.Port);
        await client.OpenSessionAsync(Generation.Named("6.2") with { Iterations = iterations }, AesMode.CTR, derive: number % MeasureEvery == 1 ? Measure : null);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
    }

    private void Measure(Action derivation)
    {
        var before = ThreadTime();
        derivation();
        var took = ThreadTime() - before;
        lock (_due)
            _secondsForKey = _secondsForKey == 0 ? took : _secondsForKey + NewestWeight * (took - _secondsForKey);
    }

    /// <summary>The CPU time of this thread in seconds: clock_gettime(2), CLOCK_THREAD_CPUTIME_ID of Linux.</summary>
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
