using XpraAes.Management;

namespace XpraAes.PowerShell.Watching;

/// <summary>The listeners and sessions of this process.</summary>
internal sealed class ProcessSource : IWatchSource
{
    private readonly ProcessHistory _history = new();
    private int _samples;

    public bool HasRates => _samples > 1;

    public WatchSnapshot Sample(TimeSpan time)
    {
        var status = ProcessStatus.ReadAll();
        _history.Add(time, status);
        _samples++;
        var connections = LiveObjects.Connections.ToDictionary(connection => connection.Id);
        return new WatchSnapshot
        {
            Time = DateTime.Now,
            PlaceKind = "listener",
            Places = _history.Places,
            Sessions = [.. _history.Sessions.Select(row => connections.TryGetValue(row.Id, out var connection) ? row with { Details = () => DetailsOf(connection), Disconnect = connection.CloseAsync } : row with { WhyNotDisconnect = "It has ended." })],
            Traffic = _history.Traffic,
            Refusals = _history.Refusals,
            Facts = ProcessHistory.FactsOf([status], _history.DerivationRate),
        };
    }

    /// <summary>All that is known about a session: its own properties, then the cipher of each leg.</summary>
    private static IReadOnlyList<DetailSection> DetailsOf(XpraConnection connection) => [SessionDetails.Of(SessionStatus.Of(connection)), .. CipherDetails.Of(connection.GetCipherInfo())];
}
