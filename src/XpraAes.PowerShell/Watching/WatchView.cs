namespace XpraAes.PowerShell.Watching;

/// <summary>What of a snapshot is shown: order, filter, selection, and the pages. Changed by key presses alone.</summary>
internal sealed class WatchView
{
    private const int MaxFilterLength = 64;

    private const string EndedState = "ended";

    private WatchSnapshot? _snapshot;
    private int _selectedIndex;

    /// <summary>The sessions that match the filter, in order.</summary>
    public IReadOnlyList<SessionRow> Rows { get; private set; } = [];

    /// <summary>What the rows are sorted by.</summary>
    public Column<SessionRow> SortColumn { get; private set; } = WatchColumns.Sessions[0];

    public bool SortsDescending { get; private set; }

    public string Filter { get; private set; } = "";

    /// <summary>Whether keys go to the filter.</summary>
    public bool IsTyping { get; private set; }

    /// <summary>The session whose details are shown; null for the table.</summary>
    public SessionRow? Detailed { get; private set; }

    /// <summary>The session to be disconnected, if the user says so.</summary>
    public SessionRow? Asked { get; private set; }

    /// <summary>What was done last.</summary>
    public string Message { get; set; } = "";

    /// <summary>The first row, or line of details, on the screen.</summary>
    public int Top { get; private set; }

    /// <summary>How many rows, or lines, the last frame had room for; and how many lines there were. Set by the renderer.</summary>
    public (int Room, int Lines) Page { get; set; } = (1, 0);

    /// <summary>The selected session; null where there is none.</summary>
    public SessionRow? Selected => Rows.Count == 0 ? null : Rows[_selectedIndex];

    /// <summary>Takes up a new sample. The selection stays on its session.</summary>
    public void Update(WatchSnapshot snapshot)
    {
        _snapshot = snapshot;
        if (Detailed is { } detailed)
            Detailed = snapshot.Sessions.FirstOrDefault(row => row.Key == detailed.Key) ?? Ended(detailed);
        if (Asked is { } asked && snapshot.Sessions.All(row => row.Key != asked.Key))
            (Asked, Message) = (null, $"{asked.Id}, {asked.Peer} has ended.");
        Arrange();
    }

    /// <summary>Moves so that the selected row is among as many as there is room for.</summary>
    public void ScrollToSelected(int room)
    {
        Page = (Math.Max(1, room), Rows.Count);
        if (Detailed is null)
            Top = Math.Clamp(Top, Math.Max(0, _selectedIndex - Page.Room + 1), Math.Max(0, _selectedIndex));
        Top = Math.Clamp(Top, 0, Math.Max(0, Rows.Count - Page.Room));
    }

    /// <summary>Moves so that no empty page of details is shown.</summary>
    public void ScrollDetails(int room, int lines)
    {
        Page = (Math.Max(1, room), lines);
        Top = Math.Clamp(Top, 0, Math.Max(0, lines - Page.Room));
    }

    /// <summary>Follows a key press.</summary>
    public WatchAction Press(ConsoleKeyInfo key)
    {
        Message = "";
        if (key is { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control } || key.KeyChar == '\u0003')
            return WatchAction.Quit;
        if (Asked is not null)
            return Answer(key);
        if (IsTyping)
            Type(key);
        else if (key.KeyChar is 'q' or 'Q')
            return WatchAction.Quit;
        else if (Detailed is not null)
            PressInDetails(key);
        else
            PressInTable(key);
        return WatchAction.None;
    }

    /// <summary>The session that was to be disconnected; asks no longer.</summary>
    public SessionRow TakeAsked()
    {
        var asked = Asked!;
        Asked = null;
        return asked;
    }

    private static SessionRow Ended(SessionRow row)
        => row.State == EndedState ? row : row with { State = EndedState, Tone = Tone.Bad, Traffic = row.Traffic.AtRest(), Disconnect = null, WhyNotDisconnect = "It has ended." };

    private WatchAction Answer(ConsoleKeyInfo key)
    {
        if (key.KeyChar is 'y' or 'Y')
            return WatchAction.Disconnect;
        Asked = null;
        Message = "Not disconnected.";
        return WatchAction.None;
    }

    private void Type(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.Enter:
                IsTyping = false;
                break;
            case ConsoleKey.Escape:
                (IsTyping, Filter) = (false, "");
                break;
            case ConsoleKey.Backspace:
                Filter = Filter.Length == 0 ? "" : Filter[..^(Filter.Length > 1 && char.IsLowSurrogate(Filter[^1]) ? 2 : 1)];
                break;
            default:
                // Sequences that a paste or an unknown key brings are no text.
                if (!char.IsControl(key.KeyChar) && Filter.Length < MaxFilterLength)
                    Filter += key.KeyChar;
                break;
        }
        Arrange();
    }

    private void PressInDetails(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.Enter or ConsoleKey.Escape or ConsoleKey.Backspace or ConsoleKey.LeftArrow:
                (Detailed, Top) = (null, 0);
                break;
            case ConsoleKey.UpArrow:
                Top--;
                break;
            case ConsoleKey.DownArrow:
                Top++;
                break;
            case ConsoleKey.PageUp:
                Top -= Page.Room;
                break;
            case ConsoleKey.PageDown:
                Top += Page.Room;
                break;
            case ConsoleKey.Home:
                Top = 0;
                break;
            case ConsoleKey.End:
                Top = Page.Lines;
                break;
            default:
                if (key.KeyChar is 'd')
                    Ask(Detailed);
                break;
        }
    }

    private void PressInTable(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.UpArrow:
                Select(_selectedIndex - 1);
                return;
            case ConsoleKey.DownArrow:
                Select(_selectedIndex + 1);
                return;
            case ConsoleKey.PageUp:
                Select(_selectedIndex - Page.Room);
                return;
            case ConsoleKey.PageDown:
                Select(_selectedIndex + Page.Room);
                return;
            case ConsoleKey.Home:
                Select(0);
                return;
            case ConsoleKey.End:
                Select(Rows.Count - 1);
                return;
            case ConsoleKey.Enter:
                (Detailed, Top) = (Selected, 0);
                return;
            case ConsoleKey.Escape:
                Filter = "";
                Arrange();
                return;
        }
        switch (key.KeyChar)
        {
            case '/':
                IsTyping = true;
                break;
            case 's':
                SortBy(1);
                break;
            case 'S':
                SortBy(-1);
                break;
            case 'r':
                SortsDescending = !SortsDescending;
                Arrange();
                break;
            case 'd':
                Ask(Selected);
                break;
        }
    }

    private void Ask(SessionRow? row)
    {
        if (row is null)
            return;
        if (row.Disconnect is null)
            Message = row.WhyNotDisconnect;
        else
            Asked = row;
    }

    private void Select(int index)
    {
        _selectedIndex = Math.Clamp(index, 0, Math.Max(0, Rows.Count - 1));
    }

    private void SortBy(int step)
    {
        // A column that is nowhere would sort nothing.
        var columns = WatchColumns.Sessions.Where(column => column == SortColumn || !column.IsLeftOut(_snapshot?.Sessions ?? [])).ToList();
        SortColumn = columns[(columns.IndexOf(SortColumn) + step + columns.Count) % columns.Count];
        // Numbers are of interest from the highest on.
        SortsDescending = SortColumn is { SortBy: not null, Header: not "ID" };
        Arrange();
    }

    private void Arrange()
    {
        if (_snapshot is null)
            return;
        var selected = Selected?.Key;
        var style = new CellStyle(SortColumn.Widest, IsAscii: true);
        IComparable? Value(SessionRow row) => SortColumn.SortBy is { } sortBy ? sortBy(row) : SortColumn.Text(row, style);
        var matching = _snapshot.Sessions.Where(row => row.Matches(Filter));
        var comparer = Comparer<IComparable?>.Create((left, right) => left is string text ? string.Compare(text, right as string, StringComparison.OrdinalIgnoreCase) : Comparer<IComparable?>.Default.Compare(left, right));
        // Both are stable, so equal rows stay in the order of their ids.
        Rows = [.. SortsDescending ? matching.OrderByDescending(Value, comparer) : matching.OrderBy(Value, comparer)];
        var index = selected is null ? 0 : Rows.ToList().FindIndex(row => row.Key == selected);
        Select(index >= 0 ? index : _selectedIndex);
    }
}
