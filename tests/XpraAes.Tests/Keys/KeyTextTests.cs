using XpraAes.Keys;
using Xunit;

namespace XpraAes.Tests.Keys;

public sealed class KeyTextTests
{
    // The expected bytes are from xpra's own parser, the same in 4.4 to 6.5, under Python 3.11.
    [Theory]
    [InlineData("0x00ff", "00ff")]
    [InlineData("0X00FF", "00ff")]
    [InlineData("deadbeef", "deadbeef")]
    [InlineData("DeadBeef", "deadbeef")]
    [InlineData("12345678", "12345678")]
    [InlineData("abcd", "abcd")]
    [InlineData("b64:YWJj", "616263")]
    [InlineData("B64:YWJj", "616263")]
    [InlineData("base64:YWJjZA==", "61626364")]
    [InlineData("BASE64:YWJjZA==", "61626364")]
    [InlineData("YWJj", "616263")]
    [InlineData("YWJjZA==", "61626364")]
    [InlineData("YWJjZGU=", "6162636465")]
    [InlineData("YWJjZA==YWJj", "61626364")]
    [InlineData("YWJj====", "616263")]
    [InlineData("=YWJj", "616263")]
    [InlineData("Y=WJj", "616263")]
    [InlineData("YW=Jj", "616263")]
    [InlineData("YW==Jj", "61")]
    [InlineData("YWJ=", "6162")]
    [InlineData("YWJ=j", "6162")]
    [InlineData("ab==", "69")]
    [InlineData("ab=c==", "69b7")]
    [InlineData("+/+/", "fbffbf")]
    [InlineData("Y W J j", "616263")]
    [InlineData("base64:YW Jj", "616263")]
    [InlineData("base64:\nYWJj\n", "616263")]
    [InlineData("YW-Jj_ZA==", "61626364")]
    [InlineData("YWJj%", "616263")]
    [InlineData("0b2f7e64-6f4b-4a58-9d3c-b6a5f13a7a10", "d1bd9fedeeb8e9fe1be1ae7cf5dddc6fa6b97f5ddaedad74")]
    public void Text_after_keydata_is_read_as_xpra_reads_it(string text, string hex)
    {
        using var key = XpraKey.FromXpraText(text);

        Assert.Equal(hex, Convert.ToHexString(key.Data), ignoreCase: true);
        Assert.Equal(KeySource.Uri, key.KeySource);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0x")]
    [InlineData("0xabc")]
    [InlineData("0xzz")]
    [InlineData("0x 00")]
    [InlineData("0x\u00e9\u00e9")]
    [InlineData("b64:")]
    [InlineData("base64:====")]
    [InlineData("base64:YWJjZA")]
    [InlineData("base64:\u00e9")]
    [InlineData("abc")]
    [InlineData("hello")]
    [InlineData("pass words!")]
    [InlineData("a")]
    [InlineData("ab=")]
    [InlineData("====")]
    [InlineData("\u00e9\u00e9\u00e9\u00e9")]
    public void Text_in_which_xpra_finds_no_key_is_rejected_without_repeating_it(string text)
    {
        var error = Assert.Throws<XpraAesException>(() => XpraKey.FromXpraText(text));

        Assert.Equal(XpraErrorId.KeyTextInvalid, error.Id);
        Assert.NotNull(error.RecommendedAction);
        if (text.Length > 4)
            Assert.DoesNotContain(text, error.Message + error.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base64:YW-Jj")]
    [InlineData("b64:YW Jj")]
    public void Skipped_base64_characters_are_reported_as_a_problem(string text)
    {
        Assert.Contains(XpraKey.FromXpraText(text).Problems, problem => problem.Id == KeyProblemId.CharactersSkipped);
        Assert.Contains(XpraKey.FromText(text).Problems, problem => problem.Id == KeyProblemId.CharactersSkipped);
    }

    [Theory]
    [InlineData("deadbeef", "6465616462656566")]
    [InlineData("YWJj", "59574a6a")]
    [InlineData("pass word!", "7061737320776f726421")]
    [InlineData(" x ", "207820")]
    [InlineData("\u00e9", "c3a9")]
    [InlineData("\r\nx\ny\n", "780a79")]
    [InlineData("0xdeadbeef\n", "deadbeef")]
    [InlineData("b64:YWJj\r\n", "616263")]
    [InlineData("BASE64:YWJj", "616263")]
    [InlineData("base64", "626173653634")]
    public void Key_data_is_plain_text_unless_prefixed(string text, string hex)
    {
        using var key = XpraKey.FromText(text);

        Assert.Equal(hex, Convert.ToHexString(key.Data), ignoreCase: true);
    }

    [Theory]
    [InlineData("0xzz")]
    [InlineData("0x123")]
    [InlineData("base64:x")]
    public void Key_data_that_does_not_match_its_prefix_is_rejected(string text)
        => Assert.Equal(XpraErrorId.KeyTextInvalid, Assert.Throws<XpraAesException>(() => XpraKey.FromText(text)).Id);

    [Fact]
    public void Text_that_is_not_Unicode_is_refused()
        => Assert.Equal(XpraErrorId.KeyTextInvalid, Assert.Throws<XpraAesException>(() => XpraKey.FromText("x" + '\uD800')).Id);

    [Theory]
    [InlineData("deadbeef", "other key data, of 4 bytes")]
    [InlineData("YWJjZA==", "other key data, of 4 bytes")]
    [InlineData("0b2f7e64-6f4b-4a58-9d3c-b6a5f13a7a10", "other key data, of 24 bytes")]
    [InlineData("hello", "finds no key")]
    [InlineData("caf\u00e9", "finds no key")]
    public void A_warning_says_where_xpra_reads_the_same_text_differently(string text, string expected)
    {
        var warning = KeyText.XpraReadsDifferently(text);

        Assert.Contains(expected, warning, StringComparison.Ordinal);
        Assert.DoesNotContain(text, warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0xdeadbeef")]
    [InlineData("base64:YWJj")]
    [InlineData("b64:YWJj\n")]
    public void There_is_no_warning_where_both_read_the_same(string text) => Assert.Null(KeyText.XpraReadsDifferently(text));
}
