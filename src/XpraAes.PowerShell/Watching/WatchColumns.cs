namespace XpraAes.PowerShell.Watching;

/// <summary>The columns of both tables.</summary>
internal static class WatchColumns
{
    /// <summary>Those that fit into 60 cells come first; the others are added as there is room, in the order of their ranks.</summary>
    public static IReadOnlyList<Column<SessionRow>> Sessions { get; } =
    [
        new("ID", 4, 6, 0, (row, _) => $"{row.Id}") { AlignRight = true, SortBy = row => row.Id },
        new("STATE", 8, 8, 0, (row, _) => row.State) { Tone = row => row.Tone },
        new("PEER", 14, 46, 0, (row, _) => row.Peer),
        new("USER", 6, 20, 4, (row, _) => row.User) { IsOptional = true },
        new("TARGET", 12, 46, 3, (row, _) => row.Route) { IsOptional = true },
        new("GATEWAY", 10, 40, 3, (row, _) => row.Place) { IsOptional = true },
        new("VIA", 7, 7, 5, (row, _) => row.Transport),
        new("CIPHER", 7, 7, 0, (row, _) => row.Cipher) { Tone = row => row.Cipher == "none" ? Tone.Caution : Tone.Plain },
        new("IN/s", 5, 5, 0, (row, _) => Units.Amount(row.Traffic.InRate)) { AlignRight = true, SortBy = row => row.Traffic.InRate ?? -1 },
        new("OUT/s", 5, 5, 0, (row, _) => Units.Amount(row.Traffic.OutRate)) { AlignRight = true, SortBy = row => row.Traffic.OutRate ?? -1 },
        new("1 MIN", 5, 30, 1, (row, style) => Sparkline.Draw(row.Traffic.Chart(style.Width), style.IsAscii)) { IsChart = true, SortBy = row => row.Traffic.Chart(1)[0] },
        new("DELAY", 6, 6, 2, (row, _) => row.Latency is null ? "" : Units.Latency(row.Latency)) { AlignRight = true, IsOptional = true, SortBy = row => row.Latency ?? TimeSpan.MinValue },
        new("AGE", 4, 4, 0, (row, _) => Units.Age(row.Age)) { AlignRight = true, SortBy = row => row.Age ?? TimeSpan.MinValue },
    ];

    public static IReadOnlyList<Column<PlaceRow>> Places { get; } =
    [
        new("ID", 4, 6, 0, (row, _) => row.Id == 0 ? "" : $"{row.Id}") { AlignRight = true, IsOptional = true },
        new("STATE", 9, 9, 0, (row, _) => row.State) { Tone = row => row.Tone },
        new("ADDRESS", 16, 60, 0, (row, _) => row.Name),
        new("TARGET", 12, 200, 1, (row, _) => row.Note) { IsOptional = true, Tone = row => row.Tone == Tone.Bad ? Tone.Bad : Tone.Plain },
        new("OPEN", 4, 5, 0, (row, _) => row.Sessions is { } count ? $"{count}" : "-") { AlignRight = true },
        new("IN/s", 5, 5, 0, (row, _) => Units.Amount(row.Traffic?.InRate)) { AlignRight = true },
        new("OUT/s", 5, 5, 0, (row, _) => Units.Amount(row.Traffic?.OutRate)) { AlignRight = true },
    ];
}
