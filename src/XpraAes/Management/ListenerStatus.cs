namespace XpraAes.Management;

/// <summary>A listener's counters, named as the properties of <see cref="AesListener"/>.</summary>
internal sealed record ListenerStatus
{
    public int Id { get; init; }

    /// <summary>Its first port; 0 for a Unix socket or named pipe.</summary>
    public int Port { get; init; }

    /// <summary>For example <c>listening</c>.</summary>
    public string State { get; init; } = "";

    /// <summary>The number of open sessions.</summary>
    public int Sessions { get; init; }

    public long Accepted { get; init; }

    public long BytesIn { get; init; }

    public long BytesOut { get; init; }

    /// <summary>How often each cause, an error id, led to a refusal.</summary>
    public IReadOnlyDictionary<string, long> Refusals { get; init; } = new Dictionary<string, long>();

    /// <summary>All addresses; null where they are not told.</summary>
    public IReadOnlyList<string>? Endpoints { get; init; }

    /// <summary>The server that sessions are forwarded to; null if there is none, or where it is not told.</summary>
    public string? Target { get; init; }

    public static ListenerStatus Of(AesListener listener, bool withNames)
    {
        var total = listener.Counters.Total;
        return new ListenerStatus
        {
            Id = listener.Id,
            Port = listener.Port,
            State = listener.State.ToString().ToLowerInvariant(),
            Sessions = listener.Counters.Count,
            Accepted = listener.Accepted,
            BytesIn = total.BytesIn,
            BytesOut = total.BytesOut,
            Refusals = listener.Refusals.ToDictionary(refusal => $"{refusal.Key}", refusal => refusal.Value),
            Endpoints = withNames ? listener.Endpoints : null,
            Target = withNames ? listener.Target : null,
        };
    }
}
