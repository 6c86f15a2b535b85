namespace XpraAes.Fuzz;

/// <summary>Assertions that must hold for any input.</summary>
internal static class Expect
{
    public static void That(bool holds, string what)
    {
        if (!holds)
            throw new FuzzFailureException(what);
    }

    public static void Same<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new FuzzFailureException($"{what}: {expected} became {actual}");
    }

    /// <summary>Bounds the memory allocated; it must not exceed a multiple of the input, or input could exhaust it.</summary>
    public static T WithinMemory<T>(long bytes, Func<T> work)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            return work();
        }
        finally
        {
            var taken = GC.GetAllocatedBytesForCurrentThread() - before;
            That(taken <= bytes, $"It allocated {taken} bytes; {bytes} are enough.");
        }
    }
}
