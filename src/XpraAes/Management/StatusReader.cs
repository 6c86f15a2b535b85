using System.Text.Json;

namespace XpraAes.Management;

/// <summary>
/// Reads a <see cref="ProcessStatus"/> that another process wrote, whatever that is: what is unknown is left out, what is missing is empty, texts are cut, and numbers are
/// such that they can be added up and shown. Characters are as they came; whoever shows them cleans them.
/// </summary>
internal static class StatusReader
{
    /// <summary>With more sessions it is taken for no status.</summary>
    public const int MaxSessions = 50_000;

    // All arbitrary, far beyond what there is.
    private const int MaxTokens = 2_000_000, MaxListeners = 64, MaxTextLength = 512, MaxRefusals = 128, MaxAddresses = 16, MaxCiphers = 8;
    private const long MaxCount = 1L << 56, MaxUptime = 1L << 47;

    /// <summary>Null for what is no status, or one of another format.</summary>
    public static ProcessStatus? Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return IsReadable(json) && JsonSerializer.Deserialize(json, StatusJson.Default.ProcessStatus) is { Format: ProcessStatus.CurrentFormat, Sessions: null or { Count: <= MaxSessions } } status ? Clean(status) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Whether it has no more objects and values than it may, which take many times their size in text.</summary>
    /// <exception cref="InvalidOperationException">A text is no text.</exception>
    private static bool IsReadable(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = StatusJson.Default.Options.MaxDepth });
        var tokens = 0;
        while (reader.Read())
        {
            if (++tokens > MaxTokens)
                return false;
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                _ = reader.GetString();
        }
        return true;
    }

    private static ProcessStatus Clean(ProcessStatus status) => status with
    {
        Uptime = Math.Min(Count(status.Uptime), MaxUptime),
        Memory = Count(status.Memory),
        Heap = Count(status.Heap),
        DerivationsRunning = Count(status.DerivationsRunning),
        DerivationsWaiting = Count(status.DerivationsWaiting),
        DerivationsCompleted = Count(status.DerivationsCompleted),
        // One for each number, which they are known by.
        Listeners = [.. (status.Listeners ?? []).OfType<ListenerStatus>().DistinctBy(listener => listener.Id).Take(MaxListeners).Select(Clean)],
        Sessions = status.Sessions is { } sessions ? [.. sessions.OfType<SessionStatus>().DistinctBy(session => session.Id).Select(Clean)] : null,
    };

    private static ListenerStatus Clean(ListenerStatus listener) => listener with
    {
        State = Text(listener.State) ?? "",
        Sessions = Math.Min(Count(listener.Sessions), MaxSessions),
        Accepted = Count(listener.Accepted),
        BytesIn = Count(listener.BytesIn),
        BytesOut = Count(listener.BytesOut),
        Refusals = (listener.Refusals ?? new Dictionary<string, long>()).Where(refusal => refusal.Key.Length <= MaxTextLength).Take(MaxRefusals).ToDictionary(refusal => refusal.Key, refusal => Count(refusal.Value)),
        Endpoints = listener.Endpoints is { } endpoints ? [.. endpoints.Take(MaxAddresses).Select(Text).OfType<string>()] : null,
        Target = Text(listener.Target),
    };

    private static SessionStatus Clean(SessionStatus session) => session with
    {
        State = Text(session.State) ?? "",
        CloseReason = Text(session.CloseReason),
        Direction = Text(session.Direction) ?? "",
        Endpoint = Text(session.Endpoint) ?? "",
        Peer = Text(session.Peer) ?? "",
        UserName = Text(session.UserName),
        Route = Text(session.Route),
        Target = Text(session.Target),
        Transport = Text(session.Transport) ?? "",
        SendCipher = Text(session.SendCipher) ?? "",
        ReceiveCipher = Text(session.ReceiveCipher) ?? "",
        Latency = session.Latency is { } latency ? Math.Clamp(latency, 0, TimeSpan.FromDays(1).TotalMilliseconds) : null,
        BytesIn = Count(session.BytesIn),
        BytesOut = Count(session.BytesOut),
        PacketsIn = Count(session.PacketsIn),
        PacketsOut = Count(session.PacketsOut),
        Ciphers = session.Ciphers is { } ciphers ? [.. ciphers.Where(cipher => cipher.ValueKind == JsonValueKind.Object).Take(MaxCiphers)] : null,
    };

    private static long Count(long value) => Math.Clamp(value, 0, MaxCount);

    private static int Count(int value) => Math.Max(0, value);

    private static string? Text(string? value)
    {
        if (value is not { Length: > MaxTextLength })
            return value;
        // No half of a character.
        return value[..(char.IsHighSurrogate(value[MaxTextLength - 1]) ? MaxTextLength - 1 : MaxTextLength)];
    }
}
