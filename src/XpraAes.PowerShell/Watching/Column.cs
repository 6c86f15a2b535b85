namespace XpraAes.PowerShell.Watching;

/// <summary>A column of a table of rows.</summary>
/// <param name="Header">Its name.</param>
/// <param name="Narrowest">The fewest cells that are of use.</param>
/// <param name="Widest">The most cells that it takes.</param>
/// <param name="Rank">The lower, the later it is left out in a narrow terminal.</param>
/// <param name="Text">A row's text, for a width.</param>
internal sealed record Column<T>(string Header, int Narrowest, int Widest, int Rank, Func<T, CellStyle, string> Text)
{
    /// <summary>Whether numbers are under each other.</summary>
    public bool AlignRight { get; init; }

    /// <summary>Whether it is left out where no row has anything in it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether it is left out for these rows, because none has anything in it.</summary>
    public bool IsLeftOut(IEnumerable<T> rows) => IsOptional && rows.All(row => Text(row, new CellStyle(Widest, IsAscii: true)).Length == 0);

    /// <summary>Whether its text fills any width.</summary>
    public bool IsChart { get; init; }

    /// <summary>How it looks.</summary>
    public Func<T, Tone> Tone { get; init; } = _ => Watching.Tone.Plain;

    /// <summary>What rows are sorted by; null where it is by text.</summary>
    public Func<T, IComparable?>? SortBy { get; init; }
}
