using System.Text;
using System.Text.RegularExpressions;
using XpraAes.Keys;
using Xunit;

namespace XpraAes.Tests.Keys;

public sealed class XpraKeyTests
{
    private const string HexKey = "8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d";

    [Fact]
    public void A_key_has_the_same_fingerprint_and_bytes_in_every_form()
    {
        using var folder = new TempFolder();
        var bytes = Encoding.ASCII.GetBytes(HexKey);
        var hex = Convert.ToHexString(bytes);
        var base64 = Convert.ToBase64String(bytes);
        XpraKey[] keys =
        [
            XpraKey.FromFile(folder.Write("plain", bytes)),
            XpraKey.FromFile(folder.Write("newline", [.. bytes, (byte)'\n'])),
            XpraKey.FromFile(folder.Write("crlf", [(byte)'\n', .. bytes, (byte)'\r', (byte)'\n', (byte)'\n'])),
            XpraKey.FromText(HexKey),
            XpraKey.FromText(HexKey + "\r\n"),
            XpraKey.FromText("0x" + hex),
            XpraKey.FromText("base64:" + base64),
            XpraKey.FromText("b64:" + base64),
            XpraKey.FromXpraText("0x" + hex),
            XpraKey.FromXpraText("0X" + hex.ToLowerInvariant()),
            XpraKey.FromXpraText(hex),
            XpraKey.FromXpraText(base64),
            XpraKey.FromXpraText("base64:" + base64),
            XpraKey.FromPassword(bytes),
            XpraKey.FromBytes(bytes, KeySource.Secret),
            XpraKey.FromBytes(bytes, KeySource.Secret).Clone(),
        ];

        Assert.All(keys, key => Assert.Equal(bytes, key.Data.ToArray()));
        Assert.Single(keys.Select(key => key.Fingerprint).Distinct());
    }

    [Fact]
    public void A_fingerprint_is_64_bits_of_PBKDF2_in_four_groups_and_differs_between_keys()
    {
        // Computed with Python: hashlib.pbkdf2_hmac("sha256", b"key", b"XpraAes key fingerprint", 100000, 8).hex()
        Assert.Equal("ce76-8240-2eb3-067a", XpraKey.FromText("key").Fingerprint);
        Assert.NotEqual(XpraKey.FromText("key").Fingerprint, XpraKey.FromText("Key").Fingerprint);
    }

    [Theory]
    [InlineData(KeyFormat.Hex, null, 256, "^[0-9a-f]{64}$")]
    [InlineData(KeyFormat.Hex, 128, 128, "^[0-9a-f]{32}$")]
    [InlineData(KeyFormat.Hex, 96, 96, "^[0-9a-f]{24}$")]
    [InlineData(KeyFormat.Base64, null, 256, "^[A-Za-z0-9+/]{43}=$")]
    [InlineData(KeyFormat.Base64, 192, 192, "^[A-Za-z0-9+/]{32}$")]
    [InlineData(KeyFormat.Base64, 512, 512, "^[A-Za-z0-9+/]{86}==$")]
    [InlineData(KeyFormat.Uuid, null, 122, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    public void A_generated_key_has_the_requested_format_and_strength_and_no_problems(KeyFormat format, int? bits, int strength, string pattern)
    {
        using var key = XpraKey.Generate(format, bits);

        Assert.Matches(new Regex(pattern), key.ToString());
        Assert.Equal(format, key.Format);
        Assert.Equal(strength, key.Bits);
        Assert.Equal(KeySource.Generated, key.KeySource);
        Assert.Null(key.Path);
        Assert.Empty(key.Problems);
    }

    [Fact]
    public void Generated_keys_differ_and_use_every_digit_at_every_position()
    {
        var keys = Enumerable.Range(0, 500).Select(_ => XpraKey.Generate().ToString()).ToList();

        Assert.Equal(500, keys.Distinct().Count());
        for (var place = 0; place < 64; place++)
            Assert.Equal(16, keys.Select(key => key[place]).Distinct().Count());
    }

    [Theory]
    [InlineData(KeyFormat.Uuid, 128)]
    [InlineData(KeyFormat.Hex, 88)]
    [InlineData(KeyFormat.Hex, 520)]
    [InlineData(KeyFormat.Base64, 100)]
    [InlineData(KeyFormat.Text, null)]
    [InlineData(KeyFormat.Binary, 256)]
    public void A_format_or_size_that_cannot_be_generated_is_rejected(KeyFormat format, int? bits)
        => Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => XpraKey.Generate(format, bits)).Id);

    [Theory]
    [InlineData("0123456789abcdefABCDEF", KeyFormat.Hex, 88)]
    [InlineData("0123456789abcdefABCDEF0", KeyFormat.Text, 136)]
    [InlineData("0b2f7e64-6f4b-4a58-9d3c-b6a5f13a7a10", KeyFormat.Uuid, 122)]
    [InlineData("0b2f7e64-6f4b-1a58-9d3c-b6a5f13a7a10", KeyFormat.Uuid, 60)]
    [InlineData("0b2f7e64-6f4b-4a58-9d3c_b6a5f13a7a10", KeyFormat.Text, 219)]
    [InlineData("jxTkX87qFnpaNt7dS+olQw==", KeyFormat.Base64, 128)]
    [InlineData("jxTkX87qFnpaNt7dS+olQ", KeyFormat.Text, 137)]
    [InlineData("correcthorsebattery!", KeyFormat.Text, 117)]
    [InlineData("correcthorsebatteryx", KeyFormat.Text, 94)]
    [InlineData("12345678901", KeyFormat.Text, 36)]
    [InlineData("caf\u00e9", KeyFormat.Text, 29)]
    public void The_format_of_text_is_recognized_and_its_bits_depend_on_its_kinds_of_characters(string text, KeyFormat format, int bits)
    {
        using var key = XpraKey.FromText(text);

        Assert.Equal((format, bits), (key.Format, key.Bits));
    }

    [Fact]
    public void Bytes_that_are_not_text_are_binary_with_8_bits_each()
    {
        using var key = XpraKey.FromText("0x00ff00ff00ff00ff00ff00ff");

        Assert.Equal((KeyFormat.Binary, 96), (key.Format, key.Bits));
        Assert.Empty(key.Problems);
    }

    [Theory]
    [InlineData("secret")]
    [InlineData("caf\u00e9 \u20ac")]
    [InlineData("0xdeadbeef")]
    public void The_text_of_a_key_is_its_bytes(string text)
    {
        using var key = XpraKey.FromBytes(Encoding.UTF8.GetBytes(text), KeySource.Secret);

        Assert.Equal(text, key.ToString());
    }

    [Theory]
    [InlineData("0x00ff10")]
    [InlineData("0xfffe")]
    [InlineData("0xc0af")]
    [InlineData("0x7f7f")]
    public void The_text_of_a_key_that_is_not_text_is_hexadecimal_and_reads_back(string text)
    {
        using var key = XpraKey.FromText(text);

        Assert.Equal(text, key.ToString());
        Assert.Equal(key.Data, XpraKey.FromXpraText(key.ToString()).Data);
    }

    [Fact]
    public void A_disposed_key_cannot_be_used_and_says_so()
    {
        var key = XpraKey.FromText("secret");
        key.Dispose();
        key.Dispose();

        Func<object>[] uses = [() => key.Data.Length, key.ToString, key.Clone, () => key.Fingerprint, () => { key.Save("unused"); return 0; }];
        Assert.All(uses, use => Assert.Equal(XpraErrorId.KeyDisposed, Assert.Throws<XpraAesException>(use).Id));
    }

    [Fact]
    public void Disposing_zeroes_the_bytes()
    {
        var key = XpraKey.FromText("secret");
        var data = key.Data;
        key.Dispose();

        Assert.Equal(new byte[6], data.ToArray());
    }

    [Fact]
    public void A_clone_outlives_its_original_and_keeps_its_properties()
    {
        using var folder = new TempFolder();
        var key = XpraKey.FromFile(folder.Write("key", "short"u8));
        var fingerprint = key.Fingerprint;
        using var clone = key.Clone();
        key.Dispose();

        Assert.Equal("short", clone.ToString());
        Assert.Equal(fingerprint, clone.Fingerprint);
        Assert.Equal((key.Path, key.KeySource, key.Format, key.Bits), (clone.Path, clone.KeySource, clone.Format, clone.Bits));
        Assert.Equal(KeyProblemId.Weak, Assert.Single(clone.Problems).Id);
    }

    [Theory]
    [InlineData("0123456789abcdef01234567", KeySource.KeyData)]
    [InlineData("0123456789abcdef012345", KeySource.KeyData, KeyProblemId.Weak)]
    [InlineData("secret", KeySource.KeyFile, KeyProblemId.Weak)]
    [InlineData("0123456789abcdef0123456789abcdef", KeySource.Password, KeyProblemId.Password)]
    [InlineData("secret", KeySource.Password, KeyProblemId.Password)]
    [InlineData("\uFEFF0123456789abcdef0123456789abcdef", KeySource.KeyFile, KeyProblemId.ByteOrderMark)]
    [InlineData("0123456789abcdef0123456789abcdef ", KeySource.KeyFile, KeyProblemId.SurroundingWhiteSpace)]
    [InlineData("\t0123456789abcdef0123456789abcdef", KeySource.KeyData, KeyProblemId.SurroundingWhiteSpace)]
    [InlineData("xpra-aes-sha256-736ff8e5bc3c8dabd68f2bf0ead30486:8f2a0a09921a28624f904b1876a1809f6f264eb575285f3b6560155133626067", KeySource.KeyFile, KeyProblemId.PreSharedKey)]
    [InlineData("0x0123456789abcdef0123456789abcdef", KeySource.KeyFile, KeyProblemId.PrefixTakenLiterally)]
    [InlineData("BASE64:jxTkX87qFnpaNt7dS+olQw==", KeySource.Environment, KeyProblemId.PrefixTakenLiterally)]
    [InlineData("0x0123456789abcdef0123456789abcdef", KeySource.Secret)]
    public void The_problems_of_a_key_are_listed(string text, KeySource source, params KeyProblemId[] expected)
    {
        using var key = XpraKey.FromBytes(Encoding.UTF8.GetBytes(text), source);

        Assert.Equal(expected, key.Problems.Select(problem => problem.Id));
        Assert.All(key.Problems, problem =>
        {
            Assert.NotEmpty(problem.RecommendedAction);
            Assert.Equal(problem.Message, problem.ToString());
            Assert.DoesNotContain(text.Trim(), problem.Message + problem.RecommendedAction, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("utf-16", true)]
    [InlineData("utf-16", false)]
    [InlineData("utf-16BE", true)]
    [InlineData("utf-16BE", false)]
    public void UTF16_is_recognized_with_and_without_a_byte_order_mark_and_after_stripping_a_newline(string encoding, bool mark)
    {
        using var folder = new TempFolder();
        var coder = Encoding.GetEncoding(encoding);
        byte[] content = [.. mark ? coder.GetPreamble() : [], .. coder.GetBytes(HexKey + "\r\n")];
        using var key = XpraKey.FromFile(folder.Write("key", content));

        Assert.Equal(KeyProblemId.Utf16, Assert.Single(key.Problems).Id);
    }

    [Fact]
    public void Random_bytes_have_no_problems()
    {
        var random = new Random(1);
        var bytes = new byte[32];
        for (var i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            using var key = XpraKey.FromBytes(bytes, KeySource.KeyFile);
            Assert.Empty(key.Problems);
        }
    }

    [Fact]
    public void An_empty_password_or_text_is_rejected()
    {
        Assert.Equal(XpraErrorId.KeyMissing, Assert.Throws<XpraAesException>(() => XpraKey.FromPassword([])).Id);
        Assert.Equal(XpraErrorId.KeyMissing, Assert.Throws<XpraAesException>(() => XpraKey.FromText("\r\n")).Id);
        Assert.Equal(XpraErrorId.KeyMissing, Assert.Throws<XpraAesException>(() => XpraKey.FromText("0x")).Id);
    }
}
