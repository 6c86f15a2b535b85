using XpraAes.PowerShell.Watching;
using static XpraAes.Tests.Watching.Snapshots;

namespace XpraAes.Tests.Watching;

/// <summary>How frames look, in every width.</summary>
public sealed class FrameRendererTests
{
    private static readonly SessionRow[] s_hostile =
    [
        Session(1, user: "\e[2J\e]0;title\a\r\n\u202Eevil\u2066"),
        Session(2, peer: new string('x', 5000), user: new string('\u0301', 5000)),
        Session(3, user: "日本語の名前がとても長い"),
        Session(4, user: "[red]markup[/] {0}"),
    ];

    [Theory]
    [InlineData(20)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(120)]
    [InlineData(300)]
    public void A_frame_fits_its_screen_whatever_strangers_call_themselves(int width)
    {
        foreach (var isAscii in (bool[])[false, true])
        {
            for (var height = 4; height <= 40; height += 3)
            {
                var view = new WatchView();
                view.Update(Of(s_hostile));
                foreach (var key in (ConsoleKeyInfo[])[Key('x'), Key(ConsoleKey.Enter), Key('d'), Key('n'), Key(ConsoleKey.Escape), Key('/')])
                {
                    view.Press(key);
                    var lines = FrameRenderer.Draw(Of(s_hostile), view, new FrameStyle(width, height, isAscii));
                    Assert.Equal(height, lines.Count);
                    Assert.All(lines, line => Assert.InRange(CellText.WidthOf(line.ToString()), 0, width));
                    Assert.All(lines, line => Assert.Equal(CellText.Clean(line.ToString(), isAscii), line.ToString()));
                }
            }
        }
    }

    [Theory]
    [InlineData(60, "ID,STATE,PEER,CIPHER,IN/s,OUT/s,1 MIN,AGE")]
    [InlineData(80, "ID,STATE,PEER,TARGET,CIPHER,IN/s,OUT/s,1 MIN,DELAY,AGE")]
    [InlineData(120, "ID,STATE,PEER,USER,TARGET,VIA,CIPHER,IN/s,OUT/s,1 MIN,DELAY,AGE")]
    public void Wider_terminals_have_more_columns(int width, string columns)
    {
        var layout = TableLayout.Fit(WatchColumns.Sessions, [Session(1)], width - 1, isAscii: false);
        Assert.Equal(columns.Split(','), layout.Select(column => column.Column.Header));
        Assert.InRange(layout.Sum(column => column.Width + 1) - 1, width / 2, width - 1);
    }

    [Fact]
    public void Columns_without_anything_in_them_leave_their_room_to_others()
    {
        var row = Session(1, peer: "[2001:db8:1234:5678:9abc:def0:1234:5678]:40000", user: "") with { Route = "", Latency = null };
        var lines = Draw(Of(row), 80, 20).Select(line => line.ToString()).ToArray();
        Assert.Contains(lines, line => line.Contains("[2001:db8:1234:5678:9ab", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("USER", StringComparison.Ordinal) || line.Contains("DELAY", StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_of_a_session_is_in_its_row()
    {
        var lines = Draw(Of(Session(7)), 120, 20).Select(line => line.ToString()).ToArray();
        var row = Assert.Single(lines, line => line.StartsWith('>'));
        foreach (var text in (string[])["7", "open", "192.0.2.7:40000", "ada", "unix:///run", "tcp", "AES-CTR", "1.0K", "2.0K", "█", "12ms", "7m"])
            Assert.Contains(text, row, StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("12:34:56", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("refused in the last minute: 15, KeyMismatch 12, HandshakeTimeout 3", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("memory 143 MB", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("derivations 12/s", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("listening 127.0.0.1:10000", StringComparison.Ordinal));
    }

    [Fact]
    public void The_selected_row_is_always_on_the_screen()
    {
        var snapshot = Of([.. Enumerable.Range(1, 500).Select(id => Session(id))]);
        var view = new WatchView();
        view.Update(snapshot);
        ConsoleKey[] keys = [ConsoleKey.End, ConsoleKey.PageUp, ConsoleKey.PageUp, ConsoleKey.UpArrow, ConsoleKey.Home, ConsoleKey.PageDown, ConsoleKey.DownArrow];
        foreach (var (key, height) in keys.SelectMany(key => new[] { (key, 24), (key, 14), (key, 5) }))
        {
            view.Press(Key(key));
            var lines = FrameRenderer.Draw(snapshot, view, new FrameStyle(80, height, false));
            Assert.Contains($" {view.Selected!.Id} ", Assert.Single(lines, line => line.IsSelected).ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(6, 2)]
    [InlineData(10, 3)]
    [InlineData(12, 4)]
    public void A_low_terminal_has_room_for_sessions(int height, int rows)
    {
        var lines = Draw(Of([.. Enumerable.Range(1, 30).Select(id => Session(id))]), 60, height).Select(line => line.ToString()).ToArray();
        Assert.StartsWith("XpraAes", lines[0], StringComparison.Ordinal);
        Assert.Equal(rows, lines.Count(line => line.Contains("192.0.2.7", StringComparison.Ordinal)));
        // The listeners are there with a row, or not at all.
        Assert.Equal(lines.Any(line => line.Contains("ADDRESS", StringComparison.Ordinal)), lines.Any(line => line.Contains("listening", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_column_that_sorts_has_its_mark_and_its_whole_name()
    {
        var view = new WatchView();
        for (var i = 0; i < WatchColumns.Sessions.Count; i++)
        {
            var lines = Draw(Of(Session(1)), 120, 20, view).Select(line => line.ToString()).ToArray();
            Assert.Contains(lines, line => line.Contains($"{(view.SortsDescending ? '▼' : '▲')}{view.SortColumn.Header}", StringComparison.Ordinal));
            view.Press(Key('s'));
        }
    }

    [Fact]
    public void Details_show_long_values_whole_and_scroll()
    {
        var view = new WatchView();
        view.Update(Of(Session(1)));
        view.Press(Key(ConsoleKey.Enter));
        var whole = Draw(Of(Session(1)), 60, 40, view);
        Assert.Equal(128, string.Concat(whole.SelectMany(line => line.Spans.Where(span => span.Text.Length > 1 && span.Text.All(c => c == 'a')).Select(span => span.Text))).Length);
        view.Press(Key(ConsoleKey.End));
        var end = Draw(Of(Session(1)), 60, 8, view);
        Assert.Contains("aaaa", end[^2].ToString(), StringComparison.Ordinal);
        view.Press(Key(ConsoleKey.Home));
        Assert.Contains(Draw(Of(Session(1)), 60, 8, view), line => line.ToString() == "Session");
    }

    [Fact]
    public void The_question_names_the_session()
    {
        var view = new WatchView();
        view.Update(Of(Session(3)));
        view.Press(Key('d'));
        Assert.Equal("Disconnect 3, 192.0.2.7:40000 (ada)? y/n", Draw(Of(Session(3)), 80, 20, view)[^1].ToString());
    }

    [Fact]
    public void A_long_name_hides_neither_the_answers_nor_what_is_typed()
    {
        var row = Session(3, user: new string('x', 200));
        var view = new WatchView();
        view.Update(Of(row));
        view.Press(Key('d'));
        Assert.EndsWith("…? y/n", Draw(Of(row), 60, 20, view)[^1].ToString(), StringComparison.Ordinal);
        view.Press(Key('n'));
        foreach (var key in "/" + new string('日', 40) + "end")
            view.Press(Key(key));
        Assert.Contains("日end_", Draw(Of(row), 60, 20, view)[^1].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_anything_it_says_so()
    {
        var lines = Draw(Of() with { Places = [] }, 80, 20).Select(line => line.ToString()).ToArray();
        Assert.Contains("There is no listener and no session in this process.", lines);
        Assert.Contains("No session is open.", Draw(Of(), 80, 20).Select(line => line.ToString()));
    }

    [Fact]
    public void Sessions_that_are_not_told_are_counted()
    {
        var traffic = new RateHistory();
        traffic.Add(TimeSpan.FromSeconds(1), 0, 0);
        traffic.Add(TimeSpan.FromSeconds(2), 1024, 2048);
        var place = new PlaceRow { Id = 1, Name = "port 10000", State = "listening", Sessions = 3, WithholdsSessions = true, Traffic = traffic };
        var lines = Draw(Of() with { Places = [place] }, 60, 20).Select(line => line.ToString()).ToArray();
        Assert.StartsWith("XpraAes  1 listener, 3 sessions", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("in 1.0 KB/s, out 2.0 KB/s", StringComparison.Ordinal));
        Assert.Contains("3 sessions. Who they are is told only over the Unix socket", string.Join(' ', lines), StringComparison.Ordinal);
        lines = [.. Draw(Of(Session(1)) with { Places = [place] }, 80, 20).Select(line => line.ToString())];
        Assert.Contains(lines, line => line.Contains("1 session, by ID; 3 more are not told", StringComparison.Ordinal));
        Assert.Contains("No session is known.", Draw(Of() with { Places = [place with { Sessions = null, WithholdsSessions = false }] }, 80, 20).Select(line => line.ToString()));
    }

    private static IReadOnlyList<Line> Draw(WatchSnapshot snapshot, int width, int height, WatchView? view = null)
    {
        view ??= new WatchView();
        view.Update(snapshot);
        return FrameRenderer.Draw(snapshot, view, new FrameStyle(width, height, IsAscii: false));
    }
}
