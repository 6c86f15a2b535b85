using System.Numerics;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace XpraAes.Fuzz;

/// <summary>Reads SharpFuzz's edge coverage map: AFL's format, 64 KB, with its hit count buckets.</summary>
internal sealed unsafe class Coverage
{
    private const int MapSize = 64 * 1024;

    private readonly byte* _map;
    private readonly byte[] _seen = new byte[MapSize];

    public Coverage()
    {
        _map = (byte*)NativeMemory.AllocZeroed(MapSize);
        Trace.SharedMem = _map;
    }

    /// <summary>Edges seen so far.</summary>
    public int Edges { get; private set; }

    /// <summary>Whether the assembly under test is instrumented.</summary>
    public static bool IsInstrumented => typeof(XpraAesException).Assembly.GetReferencedAssemblies().Any(name => name.Name == typeof(Trace).Assembly.GetName().Name);

    /// <summary>Clears the map; call before each run.</summary>
    public void Start()
    {
        new Span<byte>(_map, MapSize).Clear();
        Trace.PrevLocation = 0;
    }

    /// <summary>Call after each run: whether it reached a new edge, or a new hit count bucket of a known one.</summary>
    public bool IsNew()
    {
        var isNew = false;
        var map = new ReadOnlySpan<byte>(_map, MapSize);
        for (var place = map.IndexOfAnyExcept((byte)0); place >= 0;)
        {
            isNew |= Note(place);
            var next = map[(place + 1)..].IndexOfAnyExcept((byte)0);
            place = next < 0 ? -1 : place + 1 + next;
        }
        return isNew;
    }

    private bool Note(int place)
    {
        // 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128 and more.
        var count = _map[place];
        var kind = count switch { <= 3 => 1 << (count - 1), >= 128 => 0x80, >= 32 => 0x40, _ => 1 << (BitOperations.Log2(count) + 1) };
        if ((_seen[place] & kind) == kind)
            return false;
        if (_seen[place] == 0)
            Edges++;
        _seen[place] |= (byte)kind;
        return true;
    }
}
