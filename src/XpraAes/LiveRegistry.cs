using System.Collections.Concurrent;

namespace XpraAes;

/// <summary>The live objects of one kind in this process; <see cref="LiveObjects"/> shows them to scripts.</summary>
internal static class LiveRegistry<T>
    where T : class
{
    private static readonly ConcurrentDictionary<int, T> s_objects = new();

    /// <summary>Oldest first.</summary>
    public static IReadOnlyList<T> All => [.. s_objects.OrderBy(entry => entry.Key).Select(entry => entry.Value)];

    public static void Add(int id, T item) => s_objects[id] = item;

    public static void Remove(int id) => s_objects.TryRemove(id, out _);
}

/// <summary>Numbers listeners and connections in one sequence.</summary>
internal static class LiveRegistry
{
    private static int s_lastId;

    public static int NextId() => Interlocked.Increment(ref s_lastId);
}
