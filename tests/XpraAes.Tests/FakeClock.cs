namespace XpraAes.Tests;

/// <summary>A clock that goes by what a test says: the monotonic one by <see cref="Advance"/>, the date as it is set.</summary>
internal sealed class FakeClock : TimeProvider
{
    private long _ticks;

    public DateTimeOffset Date { get; set; } = DateTimeOffset.UtcNow;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => Date;

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
