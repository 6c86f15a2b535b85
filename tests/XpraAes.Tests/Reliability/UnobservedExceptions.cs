using System.Collections.Concurrent;

namespace XpraAes.Tests.Reliability;

/// <summary>Exceptions in tasks of the module's own that nobody awaited, from wherever in this process, for as long as this lives.</summary>
internal sealed class UnobservedExceptions : IDisposable
{
    private readonly ConcurrentQueue<string> _seen = new();

    public UnobservedExceptions() => TaskScheduler.UnobservedTaskException += Keep;

    /// <summary>Has the collector bring out what is hidden.</summary>
    public void AssertNone()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(_seen.IsEmpty, string.Join("\n\n", _seen));
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= Keep;

    /// <summary>Other tests of this process run at the same time: a task of theirs that failed is not the module's.</summary>
    private void Keep(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        var text = e.Exception.ToString();
        if (text.Contains("at XpraAes.", StringComparison.Ordinal) && !text.Contains("at XpraAes.Tests.", StringComparison.Ordinal))
            _seen.Enqueue(text);
    }
}
