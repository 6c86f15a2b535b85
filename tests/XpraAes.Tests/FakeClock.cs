namespace XpraAes.Tests;

/// <summary>A clock controlled by the test: <see cref="Advance"/> moves the monotonic time, and the date is set separately.</summary>
internal sealed class FakeClock : TimeProvider
{
    private long _ticks;

    public DateTimeOffset Date { get; set; } = DateTimeOffset.UtcNow;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => Date;

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
