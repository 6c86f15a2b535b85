namespace XpraAes.PowerShell.Watching;

/// <summary>Which columns a table has in a given width, and how wide they are.</summary>
internal static class TableLayout
{
    /// <summary>The columns that fit, in their order, with their widths and one space between two; together they are at most as wide as given.</summary>
    public static IReadOnlyList<(Column<T> Column, int Width)> Fit<T>(IReadOnlyList<Column<T>> columns, IReadOnlyList<T> rows, int width, bool isAscii)
    {
        var chosen = new Dictionary<Column<T>, int>();
        var left = width + 1;
        foreach (var column in columns.OrderBy(column => column.Rank))
        {
            if (column.Narrowest + 1 > left || column.IsLeftOut(rows))
                continue;
            chosen[column] = column.Narrowest;
            left -= column.Narrowest + 1;
        }
        // What is left goes to the columns whose text is cut, the most important first, and then to the charts.
        foreach (var column in chosen.Keys.OrderBy(column => column.IsChart).ThenBy(column => column.Rank).ToArray())
        {
            var more = Math.Clamp(WantedWidth(column, rows, isAscii) - column.Narrowest, 0, left);
            chosen[column] += more;
            left -= more;
        }
        return [.. columns.Where(chosen.ContainsKey).Select(column => (column, chosen[column]))];
    }

    private static int WantedWidth<T>(Column<T> column, IReadOnlyList<T> rows, bool isAscii)
    {
        if (column.IsChart || column.Narrowest == column.Widest)
            return column.Widest;
        var wanted = column.Header.Length;
        foreach (var row in rows)
            wanted = Math.Max(wanted, CellText.WidthOf(CellText.Clean(column.Text(row, new CellStyle(column.Widest, isAscii)), isAscii)));
        return Math.Min(wanted, column.Widest);
    }
}
