namespace XpraAes.Listening;

/// <summary>What <see cref="SourceGuard"/> remembers about a source, or about a network around it.</summary>
internal sealed class SourceRecord(SourceKey key)
{
    public SourceKey Key => key;

    /// <summary>Its open connections that have not proven the key.</summary>
    public int Unproven { get; set; }

    /// <summary>Connections that ended without proving the key, since <see cref="EndedSince"/>.</summary>
    public int EndedUnproven { get; set; }

    public long EndedSince { get; set; }

    /// <summary>When it failed, the latest times only.</summary>
    public Queue<long> Failures { get; } = new();

    /// <summary>When it gave a wrong password, the latest times only.</summary>
    public Queue<long> PasswordFailures { get; } = new();

    /// <summary>TLS handshakes with a certificate since <see cref="HandshakesSince"/>, without those before the key was last proven.</summary>
    public int Handshakes { get; set; }

    public long HandshakesSince { get; set; }

    /// <summary>Since when it has been blocked; null if it is not.</summary>
    public long? BlockedAt { get; set; }

    /// <summary>Whether the block also applies to a source that has proven the key.</summary>
    public bool BlocksProven { get; set; }

    /// <summary>When it was last logged that one of its clients was rejected; null if not recently.</summary>
    public long? ReportedAt { get; set; }

    public int Load => Unproven + EndedUnproven;

    public bool IsEmpty => this is { Load: 0, Handshakes: 0, BlockedAt: null, ReportedAt: null, Failures.Count: 0, PasswordFailures.Count: 0 };

    /// <summary>Adds a failure and keeps only the latest <paramref name="capacity"/>.</summary>
    public void AddFailure(long now, bool isPasswordFailure, int capacity)
    {
        Add(Failures);
        if (isPasswordFailure)
            Add(PasswordFailures);

        void Add(Queue<long> times)
        {
            times.Enqueue(now);
            if (times.Count > capacity)
                times.Dequeue();
        }
    }

    /// <summary>Removes what has expired. Failures are kept for as long as they block.</summary>
    public void RemoveExpired(Predicate<long> isExpired)
    {
        if (BlockedAt is { } blocked && isExpired(blocked))
        {
            (BlockedAt, BlocksProven) = (null, false);
            Failures.Clear();
            PasswordFailures.Clear();
        }
        while (BlockedAt is null && Failures.TryPeek(out var failure) && isExpired(failure))
            Failures.Dequeue();
        while (BlockedAt is null && PasswordFailures.TryPeek(out var guess) && isExpired(guess))
            PasswordFailures.Dequeue();
        if (EndedUnproven > 0 && isExpired(EndedSince))
            EndedUnproven = 0;
        if (Handshakes > 0 && isExpired(HandshakesSince))
            Handshakes = 0;
        if (ReportedAt is { } reported && isExpired(reported))
            ReportedAt = null;
    }
}
