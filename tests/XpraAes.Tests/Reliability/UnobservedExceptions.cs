using System.Collections.Concurrent;

namespace XpraAes.Tests.Reliability;

/// <summary>Collects unobserved exceptions of the module's tasks in this process, until it is disposed of.</summary>
internal sealed class UnobservedExceptions : IDisposable
{
    private readonly ConcurrentQueue<string> _seen = new();

    /// <summary>What earlier tests have left is raised before it counts.</summary>
    public UnobservedExceptions()
    {
        Raise();
        TaskScheduler.UnobservedTaskException += Keep;
    }

    public void AssertNone()
    {
        Raise();
        Assert.True(_seen.IsEmpty, string.Join("\n\n", _seen));
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= Keep;

    /// <summary>Collects garbage, so that pending ones are raised.</summary>
    private static void Raise()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    /// <summary>Other tests of this process run at the same time: a task of theirs that failed is not the module's.</summary>
    private void Keep(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        var text = e.Exception.ToString();
        if (text.Contains("at XpraAes.", StringComparison.Ordinal) && !text.Contains("at XpraAes.Tests.", StringComparison.Ordinal))
            _seen.Enqueue(text);
    }
}
