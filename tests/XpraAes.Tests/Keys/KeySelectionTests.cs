using System.Text;
using XpraAes.Keys;
using XpraAes.Tests.Listening;
using Xunit;

namespace XpraAes.Tests.Keys;

/// <summary>Where a key comes from. Not beside other tests: what is set here is their environment too, and that of the programs that they start.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class KeySelectionTests : IDisposable
{
    private const string Variable = "XPRA_ENCRYPTION_KEY";

    private readonly string? _before = Environment.GetEnvironmentVariable(Variable);
    private readonly TempFolder _folder = new();

    public KeySelectionTests() => Environment.SetEnvironmentVariable(Variable, null);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Variable, _before);
        _folder.Dispose();
    }

    [Fact]
    public void The_first_key_given_in_the_order_of_xpra_wins()
    {
        Environment.SetEnvironmentVariable(Variable, "environment");
        using var key = XpraKey.FromText("object");
        using var optionKey = XpraKey.FromXpraText("0x" + Convert.ToHexString("option"u8));
        using var password = SecretBuffer.FromUtf8("password");
        var optionFile = _folder.Write("option", "option file"u8);
        var file = _folder.Write("file", "file"u8);

        Assert.Equal(("object", KeySource.KeyData), Resolve(new() { Key = key, OptionKey = optionKey, KeyData = "text", OptionKeyFile = optionFile, KeyFile = file, Password = password }));
        Assert.Equal(("option", KeySource.Uri), Resolve(new() { OptionKey = optionKey, KeyData = "text", OptionKeyFile = optionFile, KeyFile = file, Password = password }));
        Assert.Equal(("text", KeySource.KeyData), Resolve(new() { KeyData = "text", OptionKeyFile = optionFile, KeyFile = file, Password = password }));
        Assert.Equal(("option file", KeySource.KeyFile), Resolve(new() { OptionKeyFile = optionFile, KeyFile = file, Password = password }));
        Assert.Equal(("file", KeySource.KeyFile), Resolve(new() { KeyFile = file, Password = password }));
        Assert.Equal(("environment", KeySource.Environment), Resolve(new() { Password = password }));
        Environment.SetEnvironmentVariable(Variable, null);
        Assert.Equal(("password", KeySource.Password), Resolve(new() { Password = password }));
    }

    [Fact]
    public void The_resolved_key_belongs_to_the_caller()
    {
        using var key = XpraKey.FromText("object");
        new KeySelection { Key = key }.Resolve().Dispose();

        Assert.Equal("object", key.ToString());
    }

    [Fact]
    public void A_missing_or_empty_key_file_is_an_error_without_fallback()
    {
        Environment.SetEnvironmentVariable(Variable, "environment");
        var empty = _folder.Write("empty", "\n"u8);

        Assert.Equal(XpraErrorId.KeyFileNotFound, Assert.Throws<XpraAesException>(() => new KeySelection { KeyFile = _folder["none"] }.Resolve()).Id);
        Assert.Equal(XpraErrorId.KeyFileEmpty, Assert.Throws<XpraAesException>(() => new KeySelection { KeyFile = empty }.Resolve()).Id);
    }

    [Fact]
    public void Without_a_key_the_error_says_how_to_give_one()
    {
        using var none = SecretBuffer.FromUtf8("");
        var error = Assert.Throws<XpraAesException>(() => new KeySelection { Password = none }.Resolve());

        Assert.Equal(XpraErrorId.KeyMissing, error.Id);
        Assert.Contains("-KeyFile", error.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key", "6b6579")]
    [InlineData("\r\nkey\n", "6b6579")]
    [InlineData("0xff", "30786666")]
    [InlineData("caf\u00e9", "636166e9")]
    [InlineData("\u20ac\u00e9", "e282acc3a9")]
    public void The_environment_variable_is_read_as_Latin1_or_else_UTF8_without_newlines_at_its_ends(string value, string hex)
    {
        Environment.SetEnvironmentVariable(Variable, value);
        using var key = XpraKey.FromEnvironment();

        Assert.Equal(hex, Convert.ToHexString(key!.Data), ignoreCase: true);
        Assert.Equal(KeySource.Environment, key.KeySource);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("\n")]
    public void An_empty_environment_variable_is_ignored(string? value)
    {
        Environment.SetEnvironmentVariable(Variable, value);

        Assert.Null(XpraKey.FromEnvironment());
    }

    private static (string, KeySource) Resolve(KeySelection selection)
    {
        using var key = selection.Resolve();
        return (Encoding.UTF8.GetString(key.Data), key.KeySource);
    }
}
