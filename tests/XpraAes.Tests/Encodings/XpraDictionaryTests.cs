using XpraAes.Encodings;
using Xunit;

namespace XpraAes.Tests.Encodings;

public sealed class XpraDictionaryTests
{
    [Fact]
    public void Pairs_keep_their_order_also_after_a_removal()
    {
        var dictionary = new XpraDictionary();
        for (var i = 0; i < 30; i++)
            dictionary["k" + i] = i;
        Assert.True(dictionary.Remove("k3"));
        Assert.False(dictionary.Remove("k3"));
        dictionary["new"] = 1;
        dictionary["k5"] = "five";

        Assert.Equal(
            [.. Enumerable.Range(0, 30).Where(i => i != 3).Select(i => "k" + i), "new"],
            dictionary.Select(pair => pair.Key));
        Assert.Equal("five", dictionary["k5"]);
        Assert.Equal(29, dictionary["k29"]);
        Assert.Equal(30, dictionary.Count);
    }

    [Fact]
    public void An_absent_key_reads_as_null_or_empty()
    {
        var dictionary = new XpraDictionary { ["null"] = null };
        Assert.Null(dictionary["x"]);
        Assert.False(dictionary.TryGetValue("x", out _));
        Assert.True(dictionary.TryGetValue("null", out var value));
        Assert.Null(value);
        Assert.Null(dictionary.GetString("x"));
        Assert.Null(dictionary.GetInteger("x"));
        Assert.Null(dictionary.GetBoolean("x"));
        Assert.Null(dictionary.GetBytes("x"));
        Assert.Null(dictionary.GetDictionary("x"));
        Assert.Empty(dictionary.GetStrings("x"));
    }

    [Fact]
    public void A_byte_string_key_is_the_same_key_as_its_text()
    {
        var dictionary = new XpraDictionary { ["cipher"] = "AES" };
        dictionary.Set("cipher"u8.ToArray(), "other");
        Assert.Equal("other", dictionary["cipher"]);
        Assert.Equal("cipher", Assert.Single(dictionary).Key);
    }

    [Fact]
    public void Byte_string_keys_that_are_not_text_are_compared_by_content()
    {
        var dictionary = new XpraDictionary();
        for (byte i = 0; i < 20; i++)
            dictionary.Set(new byte[] { 0xff, i }, i);
        dictionary.Set(new byte[] { 0xff, 7 }, "seven");
        Assert.Equal(20, dictionary.Count);
        Assert.Equal("seven", dictionary.ElementAt(7).Value);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(new int[0])]
    public void A_key_is_a_plain_value(object? key)
    {
        Assert.Throws<ArgumentException>(() => new XpraDictionary().Set(key!, 1));
    }

    [Fact]
    public void Text_is_read_from_text_and_from_bytes_that_are_UTF8()
    {
        var dictionary = new XpraDictionary { ["s"] = "é", ["b"] = new byte[] { 0xc3, 0xa9 }, ["x"] = new byte[] { 0xff }, ["n"] = 1L };
        Assert.Equal("é", dictionary.GetString("s"));
        Assert.Equal("é", dictionary.GetString("b"));
        Assert.Null(dictionary.GetString("x"));
        Assert.Null(dictionary.GetString("n"));
    }

    [Fact]
    public void Integers_and_booleans_convert_where_nothing_is_lost()
    {
        var dictionary = new XpraDictionary { ["one"] = 1L, ["zero"] = 0, ["two"] = 2L, ["true"] = true, ["text"] = "1" };
        Assert.True(dictionary.GetBoolean("one"));
        Assert.False(dictionary.GetBoolean("zero"));
        Assert.True(dictionary.GetBoolean("true"));
        Assert.Null(dictionary.GetBoolean("two"));
        Assert.Null(dictionary.GetBoolean("text"));
        Assert.Equal(1, dictionary.GetInteger("true"));
        Assert.Equal(0, dictionary.GetInteger("zero"));
        Assert.Equal(2, dictionary.GetInteger("two"));
        Assert.Null(dictionary.GetInteger("text"));
    }

    [Fact]
    public void Bytes_of_text_are_latin1_where_possible_else_UTF8()
    {
        var dictionary = new XpraDictionary { ["iv"] = "îL©o", ["euro"] = "€", ["b"] = new byte[] { 1, 2 }, ["n"] = 5L };
        Assert.Equal([0xee, 0x4c, 0xa9, 0x6f], dictionary.GetBytes("iv"));
        Assert.Equal([0xe2, 0x82, 0xac], dictionary.GetBytes("euro"));
        Assert.Equal([1, 2], dictionary.GetBytes("b"));
        Assert.Null(dictionary.GetBytes("n"));
    }

    [Fact]
    public void A_list_of_strings_is_read_from_a_list_or_a_single_string()
    {
        var dictionary = new XpraDictionary
        {
            ["list"] = new object?[] { "a", "b"u8.ToArray(), 5L, null, new byte[] { 0xff } },
            ["array"] = new[] { "x", "y" },
            ["lone"] = "a",
            ["bytes"] = "b"u8.ToArray(),
            ["number"] = 5L,
        };
        Assert.Equal(["a", "b"], dictionary.GetStrings("list"));
        Assert.Equal(["x", "y"], dictionary.GetStrings("array"));
        Assert.Equal(["a"], dictionary.GetStrings("lone"));
        Assert.Equal(["b"], dictionary.GetStrings("bytes"));
        Assert.Empty(dictionary.GetStrings("number"));
    }

    [Fact]
    public void A_clone_shares_no_dictionary_and_no_list()
    {
        var original = new XpraDictionary
        {
            ["inner"] = new XpraDictionary { ["a"] = 1L },
            ["list"] = new object?[] { new XpraDictionary { ["b"] = 2L }, 3L },
        };
        var before = Values.Describe(original);
        var clone = original.Clone();
        Assert.Equal(before, Values.Describe(clone));

        clone.GetDictionary("inner")!["a"] = 5L;
        var list = (object?[])clone["list"]!;
        ((XpraDictionary)list[0]!)["b"] = 6L;
        list[1] = 7L;
        clone["more"] = true;
        Assert.Equal(before, Values.Describe(original));
    }
}
