using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Tests.Reliability;

/// <summary>Collects what is logged as an error: an unexpected failure.</summary>
internal sealed class ErrorLog : ILogger
{
    public ConcurrentQueue<string> Errors { get; } = new();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            Errors.Enqueue($"{formatter(state, exception)}\n{exception}");
    }
}
