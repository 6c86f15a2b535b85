using System.Collections.Concurrent;
using XpraAes.PowerShell.Watching;
using static XpraAes.Tests.Watching.Snapshots;

namespace XpraAes.Tests.Watching;

/// <summary>The loop between a source, a screen and its keys.</summary>
public sealed class WatchLoopTests
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly FakeScreen _screen = new();

    [Fact]
    public async Task The_screen_is_left_as_it_was_after_a_key()
    {
        _screen.Keys.Enqueue(Key('q'));
        await RunAsync(new FakeSource(() => Of()));
        Assert.Equal(["enter", "leave"], _screen.Calls);
    }

    [Fact]
    public async Task And_after_a_failure()
    {
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => RunAsync(new FakeSource(() => throw new InvalidTimeZoneException())));
        Assert.Equal(["enter", "leave"], _screen.Calls);
    }

    [Fact]
    public async Task And_after_a_failure_of_the_screen_itself()
    {
        _screen.FailsToEnter = true;
        await Assert.ThrowsAsync<IOException>(() => RunAsync(new FakeSource(() => Of())));
        Assert.Equal(["enter", "leave"], _screen.Calls);
    }

    [Fact]
    public async Task And_when_the_pipeline_is_stopped()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync(new FakeSource(() => Of()), null, stop.Token);
        await Listening.Loopback.Eventually(() => _screen.Shown > 2);
        await stop.CancelAsync();
        await running;
        Assert.Equal("leave", _screen.Calls.Last());
    }

    [Fact]
    public async Task A_disconnect_that_takes_long_or_fails_holds_nothing_up()
    {
        var asked = new TaskCompletionSource();
        var source = new FakeSource(() => Of(Session(1, disconnect: () =>
        {
            asked.TrySetResult();
            return Task.FromException(new IOException());
        })));
        using var stop = new CancellationTokenSource();
        var running = RunAsync(source, null, stop.Token);
        await Listening.Loopback.Eventually(() => _screen.Shown > 0);
        _screen.Keys.Enqueue(Key('d'));
        _screen.Keys.Enqueue(Key('y'));
        await asked.Task.WaitAsync(s_deadline);
        _screen.Keys.Enqueue(Key('q'));
        await running;
    }

    [Fact]
    public async Task A_resized_screen_is_drawn_anew()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync(new FakeSource(() => Of(Session(1))), TimeSpan.FromHours(1), stop.Token);
        await Listening.Loopback.Eventually(() => _screen.Shown > 0);
        _screen.Style = new FrameStyle(60, 10, IsAscii: true);
        await Listening.Loopback.Eventually(() => _screen.Last.Count == 10);
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public void One_frame_has_rates_and_every_row()
    {
        var samples = 0;
        var source = new FakeSource(() => Of([.. Enumerable.Range(1, 100).Select(id => Session(id))])) { Rates = () => ++samples > 2 };
        var frame = WatchLoop.Once(source, new FrameStyle(80, 24, IsAscii: false), s_interval, CancellationToken.None);
        Assert.Equal(3, source.Samples);
        Assert.Equal(100, frame!.Count(line => line.ToString().Contains("AES-CTR", StringComparison.Ordinal)));
    }

    private Task RunAsync(IWatchSource source, TimeSpan? interval = null, CancellationToken cancellationToken = default)
        => Task.Run(() => WatchLoop.Run(source, _screen, interval ?? s_interval, cancellationToken), CancellationToken.None).WaitAsync(s_deadline, CancellationToken.None);

    private sealed class FakeSource(Func<WatchSnapshot> sample) : IWatchSource
    {
        public Func<bool> Rates { get; init; } = () => true;

        public int Samples { get; private set; }

        public bool HasRates => Rates();

        public WatchSnapshot Sample(TimeSpan time)
        {
            Samples++;
            return sample();
        }
    }

    private sealed class FakeScreen : IWatchScreen
    {
        private volatile IReadOnlyList<Line> _last = [];

        public ConcurrentQueue<ConsoleKeyInfo> Keys { get; } = new();

        public ConcurrentQueue<string> Calls { get; } = new();

        public bool FailsToEnter { get; set; }

        public volatile int Shown;

        public IReadOnlyList<Line> Last => _last;

        public FrameStyle Style { get; set; } = new(80, 24, IsAscii: false);

        public void Enter()
        {
            Calls.Enqueue("enter");
            if (FailsToEnter)
                throw new IOException();
        }

        public void Show(IReadOnlyList<Line> lines)
        {
            _last = lines;
            Shown++;
        }

        public ConsoleKeyInfo? ReadKey() => Keys.TryDequeue(out var key) ? key : null;

        public void Leave() => Calls.Enqueue("leave");
    }
}
