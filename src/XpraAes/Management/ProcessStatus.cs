using System.Diagnostics;
using System.Text.Json;

namespace XpraAes.Management;

/// <summary>The counters of a process and its listeners; with <see cref="Sessions"/> also who is connected, for those who may know. As JSON it is what a management address answers (docs/observability.md).</summary>
internal sealed record ProcessStatus
{
    /// <summary>The number of the format. It changes only if something is removed, or means something else.</summary>
    public const int CurrentFormat = 1;

    private static readonly DateTime s_started = StartTime();
    private static readonly long s_loaded = Stopwatch.GetTimestamp();

    /// <summary><see cref="CurrentFormat"/>; 0 in JSON that is something else.</summary>
    public int Format { get; init; }

    /// <summary>When it was read, in UTC.</summary>
    public DateTime Time { get; init; }

    /// <summary>When the process was started, in UTC: another one has other counters.</summary>
    public DateTime Started { get; init; }

    /// <summary>Milliseconds by a clock that is never set, for rates.</summary>
    public long Uptime { get; init; }

    /// <summary>Physical memory in bytes.</summary>
    public long Memory { get; init; }

    /// <summary>Memory of .NET's objects in bytes.</summary>
    public long Heap { get; init; }

    /// <summary>Key derivations that run.</summary>
    public int DerivationsRunning { get; init; }

    /// <summary>Key derivations that wait.</summary>
    public int DerivationsWaiting { get; init; }

    /// <summary>Key derivations so far.</summary>
    public long DerivationsCompleted { get; init; }

    /// <summary>The listeners that are not stopped, oldest first.</summary>
    public IReadOnlyList<ListenerStatus> Listeners { get; init; } = [];

    /// <summary>The sessions that are not closed, inbound and outbound, oldest first; null where they are not told.</summary>
    public IReadOnlyList<SessionStatus>? Sessions { get; init; }

    /// <summary>The status of this process, without names and addresses.</summary>
    public static ProcessStatus ReadSums() => Read(withNames: false);

    /// <summary>All of it, with names and addresses.</summary>
    /// <param name="detailed">The session whose ciphers are included; null for none.</param>
    public static ProcessStatus ReadAll(int? detailed = null) => Read(withNames: true) with
    {
        Sessions = [.. LiveObjects.Connections.Select(connection => SessionStatus.Of(connection, withCiphers: connection.Id == detailed))],
    };

    /// <summary>As UTF-8.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, StatusJson.Default.ProcessStatus);

    private static ProcessStatus Read(bool withNames)
    {
        var listeners = LiveObjects.Listeners;
        var derivations = listeners.Select(listener => listener.Derivations.Load).ToArray();
        return new ProcessStatus
        {
            Format = CurrentFormat,
            Time = DateTime.UtcNow,
            Started = s_started,
            Uptime = (long)Stopwatch.GetElapsedTime(s_loaded).TotalMilliseconds,
            Memory = Environment.WorkingSet,
            Heap = GC.GetTotalMemory(forceFullCollection: false),
            DerivationsRunning = derivations.Sum(load => load.Running),
            DerivationsWaiting = derivations.Sum(load => load.Waiting),
            DerivationsCompleted = derivations.Sum(load => load.Completed),
            Listeners = [.. listeners.Select(listener => ListenerStatus.Of(listener, withNames))],
        };
    }

    private static DateTime StartTime()
    {
        using var process = Process.GetCurrentProcess();
        return process.StartTime.ToUniversalTime();
    }
}
