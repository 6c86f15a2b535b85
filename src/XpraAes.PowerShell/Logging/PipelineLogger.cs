using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.PowerShell;

/// <summary>Shows the log in a foreground cmdlet's pipeline: warnings always, events (as with xpra's -d crypto) with -Verbose, and every packet with -Debug.</summary>
internal sealed class PipelineLogger(PipelineOutput output) : ILogger
{
    public bool IsEnabled(LogLevel logLevel) => logLevel switch
    {
        LogLevel.None => false,
        LogLevel.Trace => output.ShowsDebug,
        >= LogLevel.Warning => true,
        _ => output.ShowsVerbose,
    };

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        var text = formatter(state, exception);
        if (exception is not null)
            text = $"{text}: {exception.Message}";
        if (logLevel >= LogLevel.Warning)
            output.WriteWarning(text);
        else if (logLevel == LogLevel.Trace)
            output.WriteDebug(text);
        else
            output.WriteVerbose(text);
    }
}
