using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Listening;

/// <summary>
/// Writes who was let in, who was not, and how each session ended, as one JSON object per line (docs/gateway.md). The events, and which of them strangers
/// can cause how often, are those of the log; this is a logger beside it. Writing never waits.
/// </summary>
internal sealed class AuditLog : ILogger, IDisposable
{
    /// <summary>The longest text of a field, in characters: a name from a hello may be as long as that; arbitrary.</summary>
    private const int LongestText = 1000;

    /// <summary>Characters written at a time; arbitrary.</summary>
    private const int BatchSize = 64 * 1024;

    /// <summary>The events: a listener's beginning and end, what became of each client, and what was left out.</summary>
    private static readonly HashSet<int> s_events = [100, 101, 111, 112, 113, 114, 115, 117, 118, 124, 125, 131, 133, 203];

    private readonly LineQueue _lines;

    /// <summary>Opens the file once, to report problems immediately.</summary>
    /// <param name="path">The full path of a file, or of the journal's socket.</param>
    /// <param name="log">Is told when events cannot be written.</param>
    /// <exception cref="XpraAesException">LogUnwritable.</exception>
    public AuditLog(string path, ILogger log)
    {
        var journal = new Journal(path);
        Func<string, CancellationToken, Task<bool>> write = journal.IsThere() ? journal.TryAppendAsync : new LogFile(path, long.MaxValue).TryAppendAsync;
        _lines = new LineQueue(write, Missing, BatchSize, () => Log.AuditIncomplete(log, path));
    }

    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and < LogLevel.None;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (s_events.Contains(eventId.Id) && state is IReadOnlyList<KeyValuePair<string, object?>> values)
            _lines.Add(Line(eventId, values));
    }

    /// <summary>Writes the queued events, for at most a second. What is logged later is dropped.</summary>
    public void Dispose() => _lines.Dispose();

    private static string Line(EventId eventId, IReadOnlyList<KeyValuePair<string, object?>> values) => Line(eventId.Name ?? "", writer =>
    {
        writer.WriteNumber("id", eventId.Id);
        foreach (var (name, value) in values)
        {
            if (value is XpraConnection session)
                WriteSession(writer, session);
            else if (name != "{OriginalFormat}")
                Write(writer, JsonNamingPolicy.CamelCase.ConvertName(name), value);
        }
    });

    private static string Missing(long count) => Line("EventsMissing", writer => writer.WriteNumber("count", count));

    /// <summary>A line of its own, whatever is in a field: JSON escapes control characters, and here everything beyond ASCII.</summary>
    private static string Line(string name, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("time", DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
            writer.WriteString("event", name);
            write(writer);
            writer.WriteEndObject();
        }
        return Encoding.ASCII.GetString(buffer.WrittenSpan) + "\n";
    }

    private static void WriteSession(Utf8JsonWriter writer, XpraConnection session)
    {
        var row = session.GetCipherInfo()[0];
        writer.WriteNumber("session", session.Id);
        Write(writer, "listener", session.Endpoint);
        Write(writer, "user", session.UserName);
        Write(writer, "route", session.Route);
        Write(writer, "target", session.Target);
        Write(writer, "transport", row.Transport);
        Write(writer, "tls", row.Tls);
        Write(writer, "protocol", row.Protocol);
        Write(writer, "keyBits", row.KeySize);
        Write(writer, "keyFingerprint", session.KeyFingerprint);
        writer.WriteBoolean("keyProven", session.KeyProven);
        if (session.State != ConnectionState.Closed)
            return;
        writer.WriteNumber("seconds", Math.Round((DateTime.UtcNow - session.Opened.ToUniversalTime()).TotalSeconds, 3));
        writer.WriteNumber("bytesIn", session.BytesIn);
        writer.WriteNumber("bytesOut", session.BytesOut);
        Write(writer, "cause", session.CloseCause);
    }

    private static void Write(Utf8JsonWriter writer, string name, object? value)
    {
        switch (value)
        {
            case null:
                break;
            case int or long:
                writer.WriteNumber(name, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case TimeSpan time:
                writer.WriteNumber(name, time.TotalSeconds);
                break;
            default:
                var text = Convert.ToString(value, CultureInfo.InvariantCulture)!;
                writer.WriteString(name, text.Length > LongestText ? text[..LongestText] : text);
                break;
        }
    }
}
