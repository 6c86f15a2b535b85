using XpraAes.Ciphers;
using Xunit;

namespace XpraAes.Tests.Ciphers;

public sealed class CipherNamesTests
{
    [Theory]
    [InlineData("AES", AesMode.CBC)]
    [InlineData("AES-CBC", AesMode.CBC)]
    [InlineData("CBC", AesMode.CBC)]
    [InlineData("aes-ctr", AesMode.CTR)]
    [InlineData("GCM", AesMode.GCM)]
    [InlineData("AES-CFB", AesMode.CFB)]
    public void Names_of_modes_are_read(string name, AesMode expected)
    {
        Assert.True(CipherNames.TryParseMode(name, out var mode));
        Assert.Equal(expected, mode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("AES-")]
    [InlineData("AES-AES")]
    [InlineData("AES-256-CBC")]
    [InlineData("0")]
    [InlineData("CBC ")]
    public void Other_names_are_not_modes(string name) => Assert.False(CipherNames.TryParseMode(name, out _));

    [Fact]
    public void Every_name_that_is_written_is_read_again()
    {
        foreach (var mode in Enum.GetValues<AesMode>())
        {
            Assert.True(CipherNames.TryParseMode(CipherNames.ModeName(mode), out var read));
            Assert.Equal(mode, read);
            Assert.True(CipherNames.TryParseMode(CipherNames.CipherName(mode), out read));
            Assert.Equal(mode, read);
        }

        foreach (var hash in Enum.GetValues<KeyHash>())
        {
            Assert.True(CipherNames.TryParseHash(CipherNames.HashName(hash), out var read));
            Assert.Equal(hash, read);
        }

        foreach (var padding in Enum.GetValues<PaddingScheme>())
        {
            Assert.True(CipherNames.TryParsePadding(CipherNames.PaddingName(padding), out var read));
            Assert.Equal(padding, read);
        }
    }

    [Fact]
    public void Names_are_as_on_the_wire()
    {
        Assert.Equal("AES-GCM", CipherNames.CipherName(AesMode.GCM));
        Assert.Equal("SHA224", CipherNames.HashName(KeyHash.SHA224));
        Assert.Equal("PKCS#7", CipherNames.PaddingName(PaddingScheme.Pkcs7));
        Assert.Equal("legacy", CipherNames.PaddingName(PaddingScheme.Legacy));
    }

    [Theory]
    [InlineData("MD5")]
    [InlineData("1")]
    [InlineData("")]
    public void Other_names_are_neither_hashes_nor_paddings(string name)
    {
        Assert.False(CipherNames.TryParseHash(name, out _));
        Assert.False(CipherNames.TryParsePadding(name, out _));
    }
}
