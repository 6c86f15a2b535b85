using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Tests.Logging;

/// <summary>Records every event of every level, with its text and values.</summary>
internal sealed class ListLogger : ILogger
{
    public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Events { get; } = [];

    /// <summary>Everything that was logged, texts and values.</summary>
    public string All => string.Join('\n', Events.Select(e => e.Text));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var values = state is IReadOnlyList<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(pair => pair.Value)) : "";
        Events.Enqueue((logLevel, eventId.Id, $"{formatter(state, exception)} | {values} {exception}"));
    }
}
