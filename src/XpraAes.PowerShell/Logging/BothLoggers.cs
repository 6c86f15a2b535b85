using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.PowerShell;

/// <summary>Logs to two loggers.</summary>
internal sealed class BothLoggers(ILogger one, ILogger other) : ILogger
{
    public bool IsEnabled(LogLevel logLevel) => one.IsEnabled(logLevel) || other.IsEnabled(logLevel);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        one.Log(logLevel, eventId, state, exception, formatter);
        other.Log(logLevel, eventId, state, exception, formatter);
    }
}
