namespace XpraAes.Listening;

/// <summary>What <see cref="SourceGuard"/> remembers of a source, or of a network with several of them.</summary>
internal sealed class SourceRecord(SourceKey key)
{
    public SourceKey Key => key;

    /// <summary>Its connections that have proven nothing.</summary>
    public int Unproven { get; set; }

    /// <summary>Those that went without having proven anything, since <see cref="CountedSince"/>.</summary>
    public int Ended { get; set; }

    public long CountedSince { get; set; }

    /// <summary>When it failed, the latest times.</summary>
    public Queue<long> Failures { get; } = new();

    /// <summary>When it gave a wrong password, the latest times.</summary>
    public Queue<long> PasswordFailures { get; } = new();

    /// <summary>Since when it is blocked; null: it is not.</summary>
    public long? Blocked { get; set; }

    /// <summary>Whether the block holds for a source that has proven the key too.</summary>
    public bool BlocksProven { get; set; }

    /// <summary>When it was said that one of its clients was turned away; null: not of late.</summary>
    public long? ReportedAt { get; set; }

    public int Load => Unproven + Ended;

    public bool IsEmpty => this is { Load: 0, Blocked: null, ReportedAt: null, Failures.Count: 0, PasswordFailures.Count: 0 };

    /// <summary>Remembers a failure, and of all of them the latest.</summary>
    public void Fail(long now, bool isPasswordFailure, int most)
    {
        Add(Failures);
        if (isPasswordFailure)
            Add(PasswordFailures);

        void Add(Queue<long> times)
        {
            times.Enqueue(now);
            if (times.Count > most)
                times.Dequeue();
        }
    }

    /// <summary>Forgets what is too old. Failures stay for as long as they block.</summary>
    public void Forget(Predicate<long> isOld)
    {
        if (Blocked is { } since && isOld(since))
        {
            (Blocked, BlocksProven) = (null, false);
            Failures.Clear();
            PasswordFailures.Clear();
        }
        while (Blocked is null && Failures.TryPeek(out var failure) && isOld(failure))
            Failures.Dequeue();
        while (Blocked is null && PasswordFailures.TryPeek(out var guess) && isOld(guess))
            PasswordFailures.Dequeue();
        if (Ended > 0 && isOld(CountedSince))
            Ended = 0;
        if (ReportedAt is { } told && isOld(told))
            ReportedAt = null;
    }
}
