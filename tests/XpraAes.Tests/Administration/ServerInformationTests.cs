using XpraAes.Administration;
using XpraAes.Encodings;

namespace XpraAes.Tests.Administration;

/// <summary>A server's information: its forms, and what a hostile server may put into it.</summary>
public sealed class ServerInformationTests
{
    [Fact]
    public void The_flat_and_the_nested_form_read_alike()
    {
        var flat = new XpraDictionary
        {
            ["client.connection.input.cipher.padding"] = "PKCS#7",
            ["client.connection.input.cipher"] = "AES",
            ["client.version"] = "3.1.3",
            ["windows.1.title"] = "xterm",
            ["windows.1.size"] = new object?[] { 80L, 24L },
            ["clients"] = 1L,
            ["clients.unauthenticated"] = 0L,
        };
        var nested = new XpraDictionary
        {
            ["client"] = new XpraDictionary
            {
                ["connection"] = new XpraDictionary { ["input"] = new XpraDictionary { ["cipher"] = new XpraDictionary { ["padding"] = "PKCS#7", [""] = "AES" } } },
                ["version"] = "3.1.3",
            },
            ["windows"] = new XpraDictionary { ["1"] = new XpraDictionary { ["title"] = "xterm", ["size"] = new object?[] { 80L, 24L } } },
            ["clients"] = new XpraDictionary { [""] = 1L, ["unauthenticated"] = 0L },
        };
        Assert.Equal(Rows(nested), Rows(flat));
        Assert.Equal([("client.0.connection.input.cipher.padding", "PKCS#7"), ("client.0.connection.input.cipher", "AES")], Rows(flat).Take(2).Select(row => (row.Name, $"{row.Value}")));
        Assert.Equal("xterm", Assert.Single(ServerInformation.ReadWindows(ServerInformation.Normalize(flat), "")).Title);
    }

    [Fact]
    public void The_servers_answer_stays_as_it_is()
    {
        var inner = new XpraDictionary { ["b"] = 1L };
        var info = new XpraDictionary { ["a"] = inner, ["a.c"] = 2L, ["client"] = new XpraDictionary { ["connection"] = new XpraDictionary() } };
        var normalized = ServerInformation.Normalize(info);
        Assert.Equal([("a.b", 1L), ("a.c", 2L)], ServerInformation.Flatten(normalized).Select(row => (row.Name, (long)row.Value!)));
        Assert.Single(inner);
        Assert.True(info.GetDictionary("client")!.ContainsKey("connection"));
    }

    [Theory]
    [InlineData("a.b.c", 1L)]
    [InlineData("A.B.C", 1L)]
    [InlineData("a.lib.gtk", 2L)]
    [InlineData("a.7", 3L)]
    public void Parts_are_found_also_with_dots_in_their_names(string path, long expected)
    {
        var a = new XpraDictionary { ["b"] = new XpraDictionary { ["c"] = 1L }, ["lib.gtk"] = 2L };
        a.Set(7L, 3L);
        var info = new XpraDictionary { ["a"] = a };
        Assert.True(ServerInformation.TryFind(info, path, out var value));
        Assert.Equal(expected, value);
        Assert.False(ServerInformation.TryFind(info, path + "x", out _));
        Assert.False(ServerInformation.TryFind(info, "a.b.c.d", out _));
    }

    [Fact]
    public void Titles_and_names_cannot_drive_a_terminal()
    {
        var window = new XpraDictionary { ["title"] = "\u001b]0;owned\u0007\r\nnext\u202egnp.exe\u009b31m ünï 日本 😀" };
        var windows = new XpraDictionary();
        windows.Set(1L, window);
        var title = ServerInformation.ReadWindows(new XpraDictionary { ["windows"] = windows }, "")[0].Title!;
        Assert.Equal("\uFFFD]0;owned\uFFFD  next\uFFFDgnp.exe\uFFFD31m ünï 日本 😀", title);
        Assert.Equal("a\uFFFDb", ServerInformation.NameOf("a\u001bb"));
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("two\nlines\tand a tab", "two\nlines\tand a tab")]
    [InlineData("\u001b[2J", "\uFFFD[2J")]
    [InlineData("over\rwritten", "over written")]
    [InlineData("hidden\u200bspace\u2066", "hidden\uFFFDspace\uFFFD")]
    [InlineData("\u2028", "\uFFFD")]
    public void Text_keeps_its_lines_and_nothing_that_a_terminal_obeys(string text, string expected)
        => Assert.Equal(expected, ServerText.Lines(text));

    [Fact]
    public void Half_a_character_is_replaced() => Assert.Equal("\uFFFD alone \uFFFD", ServerText.Lines("\ud83d alone \ude00"));

    [Fact]
    public void A_long_key_is_not_repeated_for_each_value_below_it()
    {
        var many = new XpraDictionary();
        for (var i = 0L; i < 10_000; i++)
            many.Set(i, i);
        var info = new XpraDictionary { [new string('k', 1_000_000)] = many };
        Assert.True(ServerInformation.Flatten(info).Sum(row => (long)row.Name.Length) < 5_000_000);
    }

    [Fact]
    public void Values_of_other_types_than_expected_are_left_out()
    {
        var windows = new XpraDictionary { ["1"] = new XpraDictionary { ["title"] = 5L, ["size"] = new object?[] { "a", long.MaxValue }, ["geometry"] = "x", ["pid"] = long.MaxValue, ["class-instance"] = Array.Empty<object?>() }, ["2"] = 3L, ["x"] = new XpraDictionary() };
        var window = Assert.Single(ServerInformation.ReadWindows(new XpraDictionary { ["windows"] = windows }, ""));
        Assert.Equal((1, null, null, null, null, null), (window.Id, window.Title, window.Class, window.Width, window.X, window.ProcessId));
        var client = new XpraDictionary { ["connection"] = new XpraDictionary { ["client"] = 1L, ["endpoint"] = Array.Empty<object?>() }, ["elapsed_time"] = long.MaxValue, ["version"] = 1L };
        Assert.Equal((null, null, "none"), (Assert.Single(ServerInformation.ReadClients(ServerInformation.Normalize(new XpraDictionary { ["client"] = client }), "")) is var read ? read.Address : "", read.Since, read.Cipher));
        Assert.Equal(int.MaxValue, ServerInformation.Summarize(new XpraDictionary { ["clients"] = long.MaxValue }, "").Clients);
    }

    private static List<(string Name, object? Value)> Rows(XpraDictionary info)
        => [.. ServerInformation.Flatten(ServerInformation.Normalize(info)).Select(row => (row.Name, row.Value is object?[] items ? string.Join(',', items) : row.Value))];
}
