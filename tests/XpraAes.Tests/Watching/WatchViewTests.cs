using XpraAes.PowerShell.Watching;
using static XpraAes.Tests.Watching.Snapshots;

namespace XpraAes.Tests.Watching;

/// <summary>What key presses do.</summary>
public sealed class WatchViewTests
{
    private readonly WatchView _view = new();

    public WatchViewTests() => _view.Update(Of(Session(1, rate: 10), Session(2, user: "bob", rate: 30), Session(3, peer: "198.51.100.1:5", rate: 20)));

    private IEnumerable<int> Ids => _view.Rows.Select(row => row.Id);

    [Fact]
    public void Typing_filters_by_everything_that_is_shown()
    {
        Press("/bob");
        Assert.True(_view.IsTyping);
        Assert.Equal([2], Ids);
        Press(ConsoleKey.Backspace, ConsoleKey.Backspace, ConsoleKey.Backspace);
        Press("198.51");
        Assert.Equal([3], Ids);
        Press("x");
        Assert.Empty(Ids);
        Press(ConsoleKey.Escape);
        Assert.Equal([1, 2, 3], Ids);
        Press("/198.51");
        Press(ConsoleKey.Enter);
        Assert.Equal([3], Ids);
        Assert.False(_view.IsTyping);
        Press(ConsoleKey.Escape);
        Assert.Equal([1, 2, 3], Ids);
    }

    [Fact]
    public void Letters_that_are_typed_are_no_commands()
    {
        Assert.Equal(WatchAction.None, Press("/qsdr"));
        Assert.Equal("qsdr", _view.Filter);
        Assert.Null(_view.Asked);
        Press(new string('x', 1000));
        Assert.InRange(_view.Filter.Length, 1, 100);
    }

    [Fact]
    public void A_key_sorts_and_another_reverses()
    {
        while (_view.SortColumn.Header != "IN/s")
            Press("s");
        Assert.Equal([2, 3, 1], Ids);
        Press("r");
        Assert.Equal([1, 3, 2], Ids);
        var column = _view.SortColumn;
        Press("sS");
        Assert.Same(column, _view.SortColumn);
        // All but GATEWAY, which has nothing in it.
        for (var i = 0; i < WatchColumns.Sessions.Count - 1; i++)
        {
            Press("s");
            Assert.Equal([1, 2, 3], Ids.Order());
        }
        Assert.Same(column, _view.SortColumn);
    }

    [Fact]
    public void The_selection_stays_on_its_session()
    {
        Press(ConsoleKey.DownArrow);
        Assert.Equal(2, _view.Selected!.Id);
        _view.Update(Of(Session(2), Session(3), Session(4)));
        Assert.Equal(2, _view.Selected!.Id);
        _view.Update(Of(Session(3), Session(4)));
        Assert.Equal(3, _view.Selected!.Id);
        _view.Update(Of());
        Assert.Null(_view.Selected);
        Press(ConsoleKey.DownArrow, ConsoleKey.End, ConsoleKey.Enter, ConsoleKey.PageUp);
        Press("d");
        Assert.Null(_view.Asked);
    }

    /// <summary>Rows move while one types: what was asked about is what is disconnected.</summary>
    [Fact]
    public void What_was_asked_about_is_disconnected_whatever_moves_meanwhile()
    {
        Press("d");
        Assert.Equal(1, _view.Asked!.Id);
        _view.Update(Of(Session(7), Session(1), Session(9)));
        Assert.Equal(WatchAction.Disconnect, Press("y"));
        Assert.Equal(1, _view.TakeAsked().Id);
        Assert.Null(_view.Asked);
    }

    [Fact]
    public void A_question_about_a_session_that_has_ended_is_not_asked_any_more()
    {
        Press("d");
        _view.Update(Of(Session(2)));
        Assert.Null(_view.Asked);
        Assert.Equal("1, 192.0.2.7:40000 has ended.", _view.Message);
        Assert.Equal(WatchAction.None, Press("y"));
    }

    [Fact]
    public void Nothing_is_sorted_by_a_column_that_is_not_there()
    {
        _view.Update(Of(Session(1, user: ""), Session(2, user: "")));
        var headers = Enumerable.Range(0, WatchColumns.Sessions.Count).Select(_ =>
        {
            Press("s");
            return _view.SortColumn.Header;
        }).ToArray();
        Assert.Contains("TARGET", headers);
        Assert.DoesNotContain("USER", headers);
        Assert.DoesNotContain("GATEWAY", headers);
    }

    [Theory]
    [InlineData('n')]
    [InlineData('d')]
    [InlineData('q')]
    [InlineData('\r')]
    public void Anything_but_yes_is_no(char key)
    {
        Press("d");
        Assert.Equal(WatchAction.None, _view.Press(Key(key)));
        Assert.Null(_view.Asked);
        Assert.Contains("Not disconnected", _view.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Details_stay_when_the_session_has_ended()
    {
        Press(ConsoleKey.Enter);
        Assert.Equal(1, _view.Detailed!.Id);
        _view.Update(Of(Session(2)));
        Assert.Equal(("ended", 1), (_view.Detailed!.State, _view.Detailed.Id));
        Assert.Equal((0, 0), (_view.Detailed.Traffic.InRate, _view.Detailed.Traffic.OutRate));
        Assert.Contains(_view.Detailed.Traffic.Chart(10), rate => rate > 0);
        Press("d");
        Assert.Null(_view.Asked);
        Press(ConsoleKey.Escape);
        Assert.Null(_view.Detailed);
    }

    [Fact]
    public void What_cannot_be_disconnected_says_why()
    {
        _view.Update(Of(Session(1) with { Disconnect = null, WhyNotDisconnect = "It is elsewhere." }));
        Press("d");
        Assert.Null(_view.Asked);
        Assert.Equal("It is elsewhere.", _view.Message);
        Press(ConsoleKey.Enter);
        _view.Update(Of(Session(2)));
        Press("d");
        Assert.Equal("It has ended.", _view.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("d")]
    public void Ctrl_C_always_ends_it(string before)
    {
        Press(before);
        Assert.Equal(WatchAction.Quit, _view.Press(new ConsoleKeyInfo('\u0003', ConsoleKey.C, shift: false, alt: false, control: true)));
    }

    [Fact]
    public void Q_ends_it_from_both_pages()
    {
        Assert.Equal(WatchAction.Quit, Press("q"));
        Press(ConsoleKey.Enter);
        Assert.Equal(WatchAction.Quit, Press("q"));
    }

    private WatchAction Press(string keys)
    {
        var last = WatchAction.None;
        foreach (var key in keys)
            last = _view.Press(Key(key));
        return last;
    }

    private void Press(params ConsoleKey[] keys)
    {
        foreach (var key in keys)
            _view.Press(Key(key));
    }
}
