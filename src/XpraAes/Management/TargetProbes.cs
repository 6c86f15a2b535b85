using System.Runtime.CompilerServices;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>
/// Whether the targets of listeners answer, which means that they accept a connection. Targets are asked only when somebody wants to
/// know, all at once, and what they answered holds for a while: however often it is asked for, no target gets more connections than that.
/// </summary>
internal sealed class TargetProbes(TimeProvider clock)
{
    /// <summary>Targets of one listener that are asked, the first ones of its routes: with thousands of them, one that answers is enough. Arbitrary.</summary>
    private const int MaxAsked = 8;

    /// <summary>How long an answer holds, and that there was none; arbitrary, half the usual intervals of those who ask.</summary>
    private static readonly TimeSpan s_up = TimeSpan.FromSeconds(10), s_down = TimeSpan.FromSeconds(3);

    /// <summary>Time for a target to accept; arbitrary, within a load balancer's patience.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly ConditionalWeakTable<AesListener, Record> _records = [];

    /// <summary>Whether a target of the listener answered when it was last asked; null if it has none, or was not asked yet.</summary>
    public bool? Last(AesListener listener)
    {
        lock (_gate)
            return _records.TryGetValue(listener, out var record) ? record.Answers : null;
    }

    /// <summary>Whether a target of the listener answers, as of a few seconds ago; null if it has none.</summary>
    public Task<bool?> AskAsync(AesListener listener)
    {
        var targets = listener.Binds.SelectMany(bind => bind.Options.Targets).Select(target => target.Endpoint).Distinct().Take(MaxAsked).ToArray();
        lock (_gate)
        {
            var record = _records.GetOrCreateValue(listener);
            if (targets.Length == 0)
            {
                record.Answers = null;
                return Task.FromResult<bool?>(null);
            }
            if (!record.Asking.IsCompleted)
                return record.Asking;
            if (record.Answers is { } known && record.Targets.SequenceEqual(targets) && clock.GetElapsedTime(record.At) < (known ? s_up : s_down))
                return Task.FromResult<bool?>(known);
            record.Targets = targets;
            return record.Asking = Task.Run(() => AskAsync(listener, targets, record));
        }
    }

    private async Task<bool?> AskAsync(AesListener listener, XpraEndpoint[] targets, Record record)
    {
        var answers = (await Task.WhenAll(targets.Select(target => TransportTable.AcceptsAsync(target, s_timeout, Limits.Default, CancellationToken.None))).ConfigureAwait(false)).Contains(true);
        bool? before;
        lock (_gate)
            (before, record.Answers, record.At) = (record.Answers, answers, clock.GetTimestamp());
        if (!answers && before != false)
            Log.TargetsLost(listener.Options.Logger, listener.Endpoint);
        else if (answers && before == false)
            Log.TargetsBack(listener.Options.Logger, listener.Endpoint);
        return answers;
    }

    private sealed class Record
    {
        public Task<bool?> Asking { get; set; } = Task.FromResult<bool?>(null);

        public XpraEndpoint[] Targets { get; set; } = [];

        public bool? Answers { get; set; }

        public long At { get; set; }
    }
}
