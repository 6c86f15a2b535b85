using System.Text;
using XpraAes.PowerShell.Watching;

namespace XpraAes.Tests.Watching;

/// <summary>Nothing that strangers choose reaches the terminal as more than text of known width.</summary>
public sealed class CellTextTests
{
    [Theory]
    [InlineData("ada", "ada")]
    [InlineData("a\e[2Jb", "a\uFFFD[2Jb")] // erases the screen
    [InlineData("a\u009B31mb", "a\uFFFD31mb")] // the same as one character
    [InlineData("a\r\nb\tc\0d\ae\bf", "a  b c\uFFFDd\uFFFDe\uFFFDf")]
    [InlineData("a\u202Egnp.exe", "a\uFFFDgnp.exe")] // right-to-left override
    [InlineData("a\u2066b\u2069c\u200Bd\u200De\uFEFFf\u00ADg", "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFDg")]
    [InlineData("a\u2028b\u2029c", "a\uFFFDb\uFFFDc")]
    [InlineData("a\uE000b\U0010FFFDc\u0378d", "a\uFFFDb\uFFFDc\uFFFDd")] // private, unassigned
    [InlineData("a\u3000b\u00A0c\u3164d\u115Fe\u2800f", "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFDf")] // shows as nothing
    [InlineData("e\u0301a", "e\u0301a")]
    [InlineData("x\u0301\u0301\u0301\u0301y", "x\u0301y")] // one mark on a character
    [InlineData("\u0301\u0301a", "a")]
    [InlineData("☁\uFE0Fa", "☁a")] // would make it two cells wide
    [InlineData("\U0001F1E9\U0001F1EA", "\uFFFD\uFFFD")] // a flag, in some terminals
    [InlineData("[red]a[/]", "[red]a[/]")] // no markup
    [InlineData("日本語 العربية हिन्दी", "日本語 العربية हिन्दी")]
    public void Text_is_cleaned(string text, string expected) => Assert.Equal(expected, CellText.Clean(text, isAscii: false));

    [Fact]
    public void Half_of_a_pair_is_no_character() => Assert.Equal("a\uFFFDb\uFFFD", CellText.Clean("a\uD800b\uDC00", isAscii: false));

    [Theory]
    [InlineData("Jürgen", "J?rgen")]
    [InlineData("日本 ada", "?? ada")]
    [InlineData("a\e\u202E\u0301b", "a??b")]
    public void A_terminal_without_Unicode_gets_ASCII(string text, string expected) => Assert.Equal(expected, CellText.Clean(text, isAscii: true));

    /// <summary>Every character of Unicode, between two letters.</summary>
    [Fact]
    public void No_character_is_obeyed_or_joins_its_neighbours()
    {
        for (var value = 0; value <= 0x10FFFF; value++)
        {
            if (!Rune.IsValid(value))
                continue;
            var text = $"a{new Rune(value)}b";
            Assert.All(CellText.Clean(text, isAscii: true), c => Assert.InRange(c, ' ', '~'));
            var clean = CellText.Clean(text, isAscii: false);
            Assert.All(clean.EnumerateRunes(), rune => Assert.False(Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.Format or System.Globalization.UnicodeCategory.Surrogate, $"U+{value:X4}"));
            Assert.True(CellText.WidthOf(clean) is >= 1 and <= 4, $"U+{value:X4} has {CellText.WidthOf(clean)} cells");
            Assert.Equal(6, CellText.WidthOf(CellText.Fit(text, 6, isAscii: false)));
        }
    }

    [Theory]
    [InlineData("abc", 5, "abc  ")]
    [InlineData("abcdef", 5, "abcd…")]
    [InlineData("日本語", 6, "日本語")]
    [InlineData("日本語", 5, "日本…")]
    [InlineData("日本語", 4, "日… ")] // half a character is none
    [InlineData("日", 1, "…")]
    [InlineData("abc", 0, "")]
    public void Text_is_fitted_to_cells(string text, int width, string expected) => Assert.Equal(expected, CellText.Fit(text, width, isAscii: false));

    [Fact]
    public void Numbers_are_right_aligned_and_ASCII_has_its_own_ellipsis()
    {
        Assert.Equal("   12", CellText.Fit("12", 5, isAscii: false, alignRight: true));
        Assert.Equal("1234~", CellText.Fit("123456", 5, isAscii: true));
    }

    [Theory]
    [InlineData("aa bb cc", 5, "aa bb|cc")]
    [InlineData("aaaaaaa", 3, "aaa|aaa|a")]
    [InlineData("日本語", 3, "日|本|語")]
    [InlineData("", 3, "")]
    public void Long_text_is_wrapped(string text, int width, string expected) => Assert.Equal(expected, string.Join('|', CellText.Wrap(text, width)));
}
