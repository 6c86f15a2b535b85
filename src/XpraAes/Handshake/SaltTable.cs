namespace XpraAes.Handshake;

/// <summary>A hash set of salt traces with open addressing, at most three quarters full: 32 MB for a million traces. They are HMACs and need no further hashing.</summary>
internal sealed class SaltTable
{
    private UInt128[] _slots = new UInt128[64];

    public int Count { get; private set; }

    public bool Contains(UInt128 trace) => _slots[SlotOf(trace)] != UInt128.Zero;

    /// <summary>False where the trace is already there.</summary>
    public bool Add(UInt128 trace)
    {
        var slot = SlotOf(trace);
        if (_slots[slot] != UInt128.Zero)
            return false;
        _slots[slot] = NonZero(trace);
        if (++Count > _slots.Length / 4 * 3)
            Grow();
        return true;
    }

    /// <summary>All traces, in no particular order.</summary>
    public IEnumerable<UInt128> Traces => _slots.Where(trace => trace != UInt128.Zero);

    // Zero marks a free slot, so the trace 0 is stored as 1.
    private static UInt128 NonZero(UInt128 trace) => trace == UInt128.Zero ? UInt128.One : trace;

    private int SlotOf(UInt128 trace)
    {
        trace = NonZero(trace);
        var slot = (int)((ulong)trace & (ulong)(_slots.Length - 1));
        while (_slots[slot] != UInt128.Zero && _slots[slot] != trace)
            slot = (slot + 1) & (_slots.Length - 1);
        return slot;
    }

    private void Grow()
    {
        var old = _slots;
        _slots = new UInt128[2 * old.Length];
        foreach (var trace in old)
        {
            if (trace != UInt128.Zero)
                _slots[SlotOf(trace)] = trace;
        }
    }
}
