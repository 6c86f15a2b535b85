namespace XpraAes.Handshake;

/// <summary>A set of salts' traces in 16 bytes each, of which at most three quarters of the places are taken: a million of them in 32 MB. They are evenly spread already, being under a key.</summary>
internal sealed class SaltTable
{
    private UInt128[] _places = new UInt128[64];

    public int Count { get; private set; }

    public bool Contains(UInt128 trace) => _places[PlaceOf(trace)] != UInt128.Zero;

    /// <summary>False where it is there already.</summary>
    public bool Add(UInt128 trace)
    {
        var place = PlaceOf(trace);
        if (_places[place] != UInt128.Zero)
            return false;
        _places[place] = Storable(trace);
        if (++Count > _places.Length / 4 * 3)
            Grow();
        return true;
    }

    /// <summary>Everything that is in it, in no order.</summary>
    public IEnumerable<UInt128> Traces => _places.Where(trace => trace != UInt128.Zero);

    // Zero marks a free place; that one trace is kept as another costs nothing.
    private static UInt128 Storable(UInt128 trace) => trace == UInt128.Zero ? UInt128.One : trace;

    private int PlaceOf(UInt128 trace)
    {
        trace = Storable(trace);
        var place = (int)((ulong)trace & (ulong)(_places.Length - 1));
        while (_places[place] != UInt128.Zero && _places[place] != trace)
            place = (place + 1) & (_places.Length - 1);
        return place;
    }

    private void Grow()
    {
        var old = _places;
        _places = new UInt128[2 * old.Length];
        foreach (var trace in old)
        {
            if (trace != UInt128.Zero)
                _places[PlaceOf(trace)] = trace;
        }
    }
}
