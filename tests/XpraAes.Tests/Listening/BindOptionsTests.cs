using XpraAes.Ciphers;
using XpraAes.Listening;
using Xunit;

namespace XpraAes.Tests.Listening;

public sealed class BindOptionsTests
{
    [Theory]
    [InlineData("0.0.0.0:10000", "0.0.0.0", 10000, "0.0.0.0:10000")]
    [InlineData(":10000", "127.0.0.1", 10000, "127.0.0.1:10000")]
    [InlineData("host:", "host", 14500, "host:14500")]
    [InlineData("host:0", "host", 0, "host:0")]
    [InlineData("*:10000", "*", 10000, "*:10000")]
    [InlineData("[::]:10000", "::", 10000, "[::]:10000")]
    [InlineData("::1:10000,a=b", "::1", 10000, "[::1]:10000")]
    [InlineData("[ h\t]:1", "h", 1, "h:1")]
    public void The_address_comes_first(string text, string host, int port, string written)
    {
        using var bind = BindOptions.Parse(text);

        Assert.Equal((host, port, written), (bind.Host, bind.Port, bind.ToString()));
        Assert.False(bind.Encrypted);
        Assert.Empty(bind.Warnings);
    }

    [Theory]
    [InlineData("h:1,encryption=AES", true, null)]
    [InlineData("h:1,encryption=aes", true, null)]
    [InlineData("h:1,encryption=AES-CBC", true, AesMode.CBC)]
    [InlineData("h:1,encryption=aes-ctr", true, AesMode.CTR)]
    [InlineData("h:1,,encryption=AES-GCM,", true, AesMode.GCM)]
    [InlineData("h:1, encryption = AES-CFB ", true, AesMode.CFB)]
    [InlineData("h:1,a=(b,c=d),encryption=AES", true, null)]
    [InlineData("h:1,encryption=no", false, null)]
    [InlineData("h:1,encryption=Off", false, null)]
    [InlineData("h:1,encryption=", false, null)]
    [InlineData("h:1", false, null)]
    public void Plain_AES_lets_the_client_choose_the_mode(string text, bool encrypted, AesMode? mode)
    {
        using var bind = BindOptions.Parse(text);

        Assert.Equal((encrypted, mode), (bind.Encrypted, bind.Mode));
    }

    [Fact]
    public void Key_file_and_authentication_are_found()
    {
        using var bind = BindOptions.Parse("0.0.0.0:10000,encryption=AES,keyfile=key.txt,auth=file:filename=p.txt");

        Assert.True(bind.Encrypted);
        Assert.Equal("key.txt", bind.KeyFile);
        var auth = Assert.Single(bind.Auth);
        Assert.Equal("file", auth.Module);
        Assert.Equal(new Dictionary<string, string> { ["filename"] = "p.txt" }, auth.Options);
        Assert.Empty(bind.Options);
        Assert.Empty(bind.Warnings);
    }

    [Theory]
    [InlineData("h:1,encryption=AES,encryption-keyfile=a,keyfile=b", "a", null)]
    [InlineData("h:1,encryption=AES,keyfile=a=b", "a=b", null)]
    [InlineData("h:1,encryption=AES,keyfile=k(1,2).txt", "k(1,2).txt", null)]
    [InlineData("h:1,encryption=AES,keydata=0xdead", null, "dead")]
    [InlineData("h:1,encryption=AES,keydata=base64:a+b/", null, "6be6ff")]
    [InlineData("h:1,encryption=AES,encryption-keydata=base64:YWJjZA==,keydata=0x00", null, "61626364")]
    public void The_key_is_found_under_either_name(string text, string? keyFile, string? hex)
    {
        using var bind = BindOptions.Parse(text);

        Assert.Equal((keyFile, hex), (bind.KeyFile, bind.Key is null ? null : Convert.ToHexStringLower(bind.Key.Data)));
        Assert.Empty(bind.Options);
    }

    [Theory]
    [InlineData("h:1,keyfile=k")]
    [InlineData("h:1,keydata=0xdead")]
    [InlineData("h:1,encryption=no,keyfile=k")]
    public void A_key_without_encryption_encrypts_nothing_and_there_is_a_warning(string text)
    {
        using var bind = BindOptions.Parse(text);

        Assert.False(bind.Encrypted);
        Assert.Contains("encryption=AES", Assert.Single(bind.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auth=env", "env", "")]
    [InlineData("auth=file:filename=a", "file", "filename=a")]
    [InlineData("auth=file:filename=p(1)", "file", "filename=p(1)")]
    [InlineData("auth=exec(command=/bin/x,timeout=5)", "exec", "command=/bin/x;timeout=5")]
    [InlineData("auth=exec(command=/bin/x a=b)", "exec", "command=/bin/x a=b")]
    [InlineData("auth=a(),auth=b:c=d", "a b", ";c=d")]
    public void Authentication_modules_keep_their_order_and_options(string option, string modules, string options)
    {
        using var bind = BindOptions.Parse("h:1," + option);

        Assert.Equal(modules, string.Join(' ', bind.Auth));
        Assert.Equal(options, string.Join(';', bind.Auth.Select(auth => string.Join(';', auth.Options.Select(o => $"{o.Key}={o.Value}")))));
    }

    [Fact]
    public void Other_options_are_kept_but_for_passwords()
    {
        using var bind = BindOptions.Parse("h:1,upnp=yes,ssl-key-password=p");

        Assert.Equal(new Dictionary<string, string> { ["upnp"] = "yes" }, bind.Options);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10000")]
    [InlineData("10000,keyfile=c:d")]
    [InlineData("h:65536")]
    [InlineData("h:-1")]
    [InlineData("h:x")]
    [InlineData("h:1,encryption")]
    [InlineData("h:1,=AES")]
    [InlineData("h:1,encryption=yes")]
    [InlineData("h:1,encryption=BLOWFISH")]
    [InlineData("h:1,encryption=AES-OFB")]
    [InlineData("h:1,encryption=AES,encryption=AES-CTR")]
    [InlineData("h:1,keyfile=a,keyfile=b")]
    [InlineData("h:1,a=(b,encryption=AES")]
    [InlineData("h:1,a=b),encryption=AES")]
    [InlineData("h:1,auth=exec(command)")]
    [InlineData("a b:1,encryption=AES")]
    [InlineData("[[::1]]:1,encryption=AES")]
    public void Options_that_would_silently_not_encrypt_are_refused_with_an_action(string text)
    {
        var error = Assert.Throws<XpraAesException>(() => BindOptions.Parse(text));

        Assert.Equal(XpraErrorId.InvalidBind, error.Id);
        Assert.NotNull(error.RecommendedAction);
    }

    [Theory]
    [InlineData("hunter2")]
    [InlineData("h:hunter2")]
    [InlineData("h:1,keydata=hunter2hunter2!")]
    [InlineData("h:1,encryption=hunter2")]
    [InlineData("h:1,auth=password:value=hunter2)")]
    [InlineData("h:1,auth=password:value=x,hunter2")]
    [InlineData("h:1,keydata=hunter2,keydata=x")]
    public void No_error_repeats_a_secret(string text)
    {
        var error = Assert.Throws<XpraAesException>(() => BindOptions.Parse(text));

        Assert.DoesNotContain("hunter2", error.ToString() + error.RecommendedAction, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Disposing_disposes_of_the_key()
    {
        var bind = BindOptions.Parse("h:1,encryption=AES,keydata=0xdead");
        bind.Dispose();

        Assert.Equal(XpraErrorId.KeyDisposed, Assert.Throws<XpraAesException>(() => bind.Key!.Data.Length).Id);
    }

    [Fact]
    public void Random_text_is_read_or_refused_with_the_one_exception()
    {
        string[] parts = ["h", ":", "1", ",", "=", "(", ")", "auth=", "keydata=", "keyfile=", "encryption=AES", "0x", "base64:", "[", "]", "\uD800", "\u00e9", " "];
        var random = new Random(3);
        for (var i = 0; i < 100_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            try
            {
                BindOptions.Parse(text).Dispose();
            }
            catch (XpraAesException e) when (e.Id is XpraErrorId.InvalidBind or XpraErrorId.KeyTextInvalid)
            {
                Assert.NotNull(e.RecommendedAction);
            }
        }
    }
}
