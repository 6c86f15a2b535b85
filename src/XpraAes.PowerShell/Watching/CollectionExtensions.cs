namespace XpraAes.PowerShell.Watching;

internal static class CollectionExtensions
{
    /// <summary>Removes all other keys.</summary>
    public static void Keep<TKey, TValue>(this Dictionary<TKey, TValue> dictionary, IEnumerable<TKey> live)
        where TKey : notnull
    {
        var kept = live.ToHashSet();
        foreach (var gone in dictionary.Keys.Where(key => !kept.Contains(key)).ToArray())
            dictionary.Remove(gone);
    }

    /// <summary>The sum of counters, which wraps around: those of strangers may be anything, and are no reason to end.</summary>
    public static long Total<T>(this IEnumerable<T> items, Func<T, long> counter) => items.Aggregate(0L, (sum, item) => sum + counter(item));
}
