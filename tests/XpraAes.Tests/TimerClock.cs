namespace XpraAes.Tests;

/// <summary>A clock controlled by the test, with timers.</summary>
internal sealed class TimerClock : TimeProvider
{
    private readonly List<Timer> _timers = [];
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state), _ticks + dueTime.Ticks);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Advances the time without firing timers, as if they were late.</summary>
    public void Pass(TimeSpan time) => _ticks += time.Ticks;

    public void Advance(TimeSpan time)
    {
        Pass(time);
        foreach (var timer in _timers.Where(timer => timer.Due <= _ticks).ToArray())
        {
            _timers.Remove(timer);
            timer.Fire();
        }
    }

    private sealed class Timer(TimerClock clock, Action fire, long due) : ITimer
    {
        public long Due => due;

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose() => clock._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
