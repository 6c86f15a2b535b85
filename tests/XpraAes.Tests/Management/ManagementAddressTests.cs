using XpraAes.Management;

namespace XpraAes.Tests.Management;

/// <summary>-ManagementAddress as text.</summary>
public sealed class ManagementAddressTests
{
    [Theory]
    [InlineData("127.0.0.1:9464", "127.0.0.1:9464", false)]
    [InlineData("localhost:9464", "127.0.0.1:9464", false)]
    [InlineData("[::1]:0", "[::1]:0", false)]
    [InlineData("127.8.9.10:1", "127.8.9.10:1", false)]
    [InlineData("0.0.0.0:9464", "0.0.0.0:9464", true)]
    [InlineData("[::]:9464", "[::]:9464", true)]
    [InlineData("192.0.2.1:65535", "192.0.2.1:65535", true)]
    public void An_address_and_port(string text, string address, bool isOpenToOthers)
    {
        var parsed = ManagementAddress.Parse(text);
        Assert.Equal((address, null, isOpenToOthers), (parsed.ToString(), parsed.Path, parsed.IsOpenToOthers));
    }

    [Theory]
    [InlineData("/run/x.sock", "/run/x.sock")]
    [InlineData("unix:///run/x.sock", "/run/x.sock")]
    [InlineData("socket:///run/x.sock", "/run/x.sock")]
    [InlineData("./x.sock", "/here/x.sock")]
    public void A_path(string text, string path)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        var parsed = ManagementAddress.Parse(text, relative => Path.GetFullPath(relative, "/here"));
        Assert.Equal((path, path, false), (parsed.ToString(), parsed.Path, parsed.IsOpenToOthers));
    }

    /// <summary>As a listener on every address shows its own.</summary>
    [Theory]
    [InlineData("127.0.0.1:9464", "127.0.0.1:9464")]
    [InlineData("0.0.0.0:9464", "127.0.0.1:9464")]
    [InlineData("[::]:9464", "[::1]:9464")]
    [InlineData("192.0.2.1:9464", "192.0.2.1:9464")]
    public void Another_process_address_is_one_to_connect_to(string text, string address) => Assert.Equal(address, $"{ManagementAddress.ParseOther(text)}");

    [Fact]
    public void Nobody_is_at_port_0()
    {
        var error = Assert.Throws<XpraAesException>(() => ManagementAddress.ParseOther("127.0.0.1:0"));
        Assert.Equal((XpraErrorId.InvalidOption, "127.0.0.1:0"), (error.Id, error.Target));
    }

    [Theory]
    [InlineData("9464")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:")]
    [InlineData("127.0.0.1:x")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("127.0.0.1:65536")]
    [InlineData(":9464")]
    [InlineData("::1")]
    [InlineData("::1:9464")]
    [InlineData("[127.0.0.1]:9464")]
    [InlineData("host.example:9464")]
    [InlineData("unix://")]
    public void Anything_else_is_an_error_that_says_how_to_write_it(string text)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && text.Contains('/', StringComparison.Ordinal), "Windows has no modes for sockets.");
        var error = Assert.Throws<XpraAesException>(() => ManagementAddress.Parse(text));
        Assert.Equal(XpraErrorId.InvalidOption, error.Id);
        Assert.Contains("127.0.0.1:9464", error.RecommendedAction, StringComparison.Ordinal);
    }
}
