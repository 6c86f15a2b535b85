namespace XpraAes.PowerShell.Watching;

/// <summary>Draws snapshots as lines of text.</summary>
internal static class FrameRenderer
{
    private static readonly string[] s_tableKeys = ["Enter details", "/ filter", "s sort", "r reverse", "d disconnect", "q quit"];
    private static readonly string[] s_detailKeys = ["Esc back", "arrows scroll", "d disconnect", "q quit"];

    private const string Answers = "? y/n", FilterPrompt = "Show those with: ";

    private const string Withholding = "Who they are is told only over the Unix socket of a process of one's own.";

    private const int NameWidth = 26, RatesWidth = 20, TotalChartWidth = 20;

    private const int BottomHeight = 1, TableHead = 2, FewestSessions = 3;

    /// <summary>The frame: at most as many lines as the height, the last one with the keys or a question.</summary>
    public static IReadOnlyList<Line> Draw(WatchSnapshot snapshot, WatchView view, FrameStyle style)
    {
        var isWhole = style.Height == 0;
        List<Line> lines = view.Detailed is { } detailed && !isWhole ? DrawDetails(detailed, view, style) : DrawTables(snapshot, view, style);
        if (isWhole)
            return lines;
        var room = Math.Max(0, style.Height - 1);
        if (lines.Count > room)
            lines.RemoveRange(room, lines.Count - room);
        while (lines.Count < room)
            lines.Add(Line.Empty);
        lines.Add(Bottom(view, style));
        return lines;
    }

    private static List<Line> DrawTables(WatchSnapshot snapshot, WatchView view, FrameStyle style)
    {
        List<Line> lines = [Title(snapshot, style), .. Overview(snapshot, style)];
        var facts = lines.Count;
        lines.Add(Line.Empty);
        var places = snapshot.Places;
        var shownPlaces = style.Height == 0 ? places.Count : Math.Clamp(style.Height / 4 - 1, 1, Math.Max(1, places.Count));
        if (places.Count > 0)
        {
            lines.AddRange(Table(WatchColumns.Places, [.. places.Take(shownPlaces)], style, null, null, false));
            if (places.Count > shownPlaces)
                lines.Add(Line.Of(Fit($"    and {places.Count - shownPlaces} more {snapshot.PlaceKind}s", style), Tone.Quiet));
            lines.Add(Line.Empty);
        }
        var sessionName = snapshot.PlaceKind == "server" ? "client" : "session";
        if (snapshot.Sessions.Count == 0)
        {
            lines.AddRange(CellText.Wrap(NoSessions(snapshot, sessionName), style.Width).Select(line => Line.Of(Fit(line, style))));
            return lines;
        }
        if (style.Height > 0)
            MakeRoom(lines, facts, style.Height - BottomHeight - TableHead - Math.Min(FewestSessions, snapshot.Sessions.Count));
        lines.Add(SessionsTitle(snapshot, view, style, sessionName));
        var room = style.Height == 0 ? view.Rows.Count : style.Height - lines.Count - 2;
        view.ScrollToSelected(room);
        SessionRow[] shown = [.. view.Rows.Skip(view.Top).Take(view.Page.Room)];
        lines.AddRange(Table(WatchColumns.Sessions, shown, style, style.Height == 0 ? null : view.Selected, view.SortColumn, view.SortsDescending));
        return lines;
    }

    /// <summary>In a low terminal some sessions are worth more than what is above them.</summary>
    /// <param name="lines">The lines above the sessions.</param>
    /// <param name="facts">How many of them are above the listeners.</param>
    /// <param name="most">How many there is room for; the first one stays.</param>
    private static void MakeRoom(List<Line> lines, int facts, int most)
    {
        if (lines.Count > most)
            lines.RemoveAll(line => line == Line.Empty);
        // A head without a listener would tell nothing.
        most = Math.Max(1, most < facts + 2 ? Math.Min(most, facts) : most);
        if (lines.Count > most)
            lines.RemoveRange(most, lines.Count - most);
    }

    private static string NoSessions(WatchSnapshot snapshot, string name) => snapshot switch
    {
        { Places.Count: 0 } => "There is no listener and no session in this process.",
        { Withheld: > 0 } => $"{Count(snapshot.Withheld, name)}. {Withholding}",
        _ when snapshot.Places.All(place => place.Sessions is null) => $"No {name} is known.",
        _ => $"No {name} is open.",
    };

    private static Line Title(WatchSnapshot snapshot, FrameStyle style)
    {
        var time = snapshot.Time.ToString("HH:mm:ss", null);
        var title = $"XpraAes  {Count(snapshot.Places.Count, snapshot.PlaceKind)}, {Count(snapshot.Sessions.Count + snapshot.Withheld, snapshot.PlaceKind == "server" ? "client" : "session")}";
        return new Line([new Span(CellText.Fit(title, style.Width - time.Length - 1, style.IsAscii) + " ", Tone.Heading), new Span(time, Tone.Quiet)]);
    }

    /// <summary>Facts one after the other, on as many lines as they take.</summary>
    private static IEnumerable<Line> Overview(WatchSnapshot snapshot, FrameStyle style)
    {
        var (received, sent) = snapshot.Rates;
        List<Span> facts =
        [
            new($"in {Units.Bytes(received)}/s, out {Units.Bytes(sent)}/s"),
            new($"[{Sparkline.Draw(snapshot.Traffic.Chart(TotalChartWidth), style.IsAscii)}]", Tone.Good),
            .. snapshot.Facts.Select(fact => new Span(fact)),
        ];
        if (snapshot.Refusals is { } refusals)
        {
            var total = refusals.Sum(refusal => refusal.Count);
            facts.Add(total == 0
                ? new Span("refused in the last minute: none")
                : new Span($"refused in the last minute: {total}, {string.Join(", ", refusals.Select(refusal => $"{refusal.Cause} {refusal.Count}"))}", Tone.Caution));
        }
        List<Span> line = [];
        var used = 0;
        foreach (var fact in facts)
        {
            var text = CellText.Clean(fact.Text, style.IsAscii);
            if (used > 0 && used + 2 + CellText.WidthOf(text) > style.Width)
            {
                yield return new Line(line);
                (line, used) = ([], 0);
            }
            if (used > 0)
            {
                line.Add(new Span("  "));
                used += 2;
            }
            if (CellText.WidthOf(text) > style.Width)
                text = CellText.Fit(text, style.Width, style.IsAscii);
            line.Add(fact with { Text = text });
            used += CellText.WidthOf(text);
        }
        yield return new Line(line);
    }

    private static Line SessionsTitle(WatchSnapshot snapshot, WatchView view, FrameStyle style, string name)
    {
        var count = view.Rows.Count == snapshot.Sessions.Count ? Count(view.Rows.Count, name) : $"{view.Rows.Count} of {Count(snapshot.Sessions.Count, name)}";
        var filter = view.Filter.Length > 0 ? $", with '{view.Filter}'" : "";
        var others = snapshot.Withheld > 0 ? $"; {snapshot.Withheld} more are not told" : "";
        return Line.Of(Fit($"{count}{filter}, by {view.SortColumn.Header}{(view.SortsDescending ? ", highest first" : "")}{others}", style), Tone.Quiet);
    }

    private static IEnumerable<Line> Table<T>(IReadOnlyList<Column<T>> columns, IReadOnlyList<T> rows, FrameStyle style, T? selected, Column<T>? sortColumn, bool descending)
        where T : class
    {
        // The first cell marks the selected row, for terminals without colours too.
        var layout = TableLayout.Fit(columns, rows, style.Width - 1, style.IsAscii);
        List<Span> header = [new(" ")];
        foreach (var (column, width) in layout)
        {
            var mark = column != sortColumn ? "" : style.IsAscii ? descending ? "v" : "^" : descending ? "▼" : "▲";
            // A mark that finds no room takes the space before.
            var room = Math.Max(width, mark.Length + column.Header.Length);
            AddCell(header, mark + column.Header, room, column.AlignRight, Tone.Heading, hasSpace: room == width);
        }
        yield return new Line(header);
        foreach (var row in rows)
        {
            var isSelected = row == selected;
            List<Span> cells = [new(isSelected ? ">" : " ")];
            foreach (var (column, width) in layout)
                AddCell(cells, column.Text(row, new CellStyle(width, style.IsAscii)), width, column.AlignRight, column.Tone(row));
            yield return new Line(cells, isSelected);
        }

        void AddCell(List<Span> cells, string text, int width, bool alignRight, Tone tone, bool hasSpace = true)
        {
            if (cells.Count > 1 && hasSpace)
                cells.Add(new Span(" "));
            cells.Add(new Span(CellText.Fit(text, width, style.IsAscii, alignRight), tone));
        }
    }

    private static List<Line> DrawDetails(SessionRow row, WatchView view, FrameStyle style)
    {
        List<Line> all = [];
        foreach (var section in row.Details())
        {
            if (all.Count > 0)
                all.Add(Line.Empty);
            all.Add(Line.Of(Fit(section.Title, style), Tone.Heading));
            foreach (var (name, value) in section.Rows)
            {
                var nameWidth = Math.Min(NameWidth, style.Width / 3);
                var label = CellText.Fit(name, nameWidth, style.IsAscii) + " ";
                foreach (var part in CellText.Wrap(CellText.Clean(value, style.IsAscii), style.Width - nameWidth - 1))
                {
                    all.Add(new Line([new Span(label, Tone.Quiet), new Span(part)]));
                    label = new string(' ', nameWidth + 1);
                }
            }
        }
        var chart = Sparkline.Draw(row.Traffic.Chart(Math.Clamp(style.Width - RatesWidth - 2, 0, 60)), style.IsAscii);
        var state = CellText.Cut(CellText.Clean(row.State, style.IsAscii), style.Width / 2);
        List<Line> lines =
        [
            new Line([new Span(CellText.Fit($"{row.Id} {row.Peer}", style.Width - CellText.WidthOf(state) - 1, style.IsAscii) + " ", Tone.Heading), new Span(state, row.Tone)]),
            new Line([new Span(CellText.Fit($"in {Units.Amount(row.Traffic.InRate)}/s out {Units.Amount(row.Traffic.OutRate)}/s", RatesWidth, style.IsAscii)), new Span(chart.Length > 0 ? $"[{chart}]" : "", Tone.Good)]),
            Line.Empty,
        ];
        view.ScrollDetails(style.Height - lines.Count - 1, all.Count);
        lines.AddRange(all.Skip(view.Top).Take(view.Page.Room));
        return lines;
    }

    private static Line Bottom(WatchView view, FrameStyle style)
    {
        if (view.Asked is { } asked)
            return Line.Of(Fit($"Disconnect {asked.Id}, {asked.Peer}{(asked.User.Length > 0 ? $" ({asked.User})" : "")}", style with { Width = style.Width - Answers.Length }) + Answers, Tone.Caution);
        if (view.IsTyping)
        {
            // What is typed last is seen, whatever else is not.
            var filter = CellText.CutStart(CellText.Clean(view.Filter, style.IsAscii), style.Width - FilterPrompt.Length - 2);
            return Line.Of(Fit($"{FilterPrompt}{filter}_   (Enter: keep, Esc: all)", style), Tone.Caution);
        }
        if (view.Message.Length > 0)
            return Line.Of(Fit(view.Message, style), Tone.Caution);
        var keys = view.Detailed is null ? s_tableKeys : s_detailKeys;
        var text = string.Join("   ", keys);
        return Line.Of(Fit(text.Length <= style.Width ? text : string.Join(' ', keys), style), Tone.Quiet);
    }

    private static string Fit(string text, FrameStyle style) => CellText.Fit(text, style.Width, style.IsAscii).TrimEnd(' ');

    private static string Count(int count, string name) => count == 1 ? $"1 {name}" : $"{count} {name}s";
}
