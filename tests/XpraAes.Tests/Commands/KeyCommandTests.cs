using System.Management.Automation;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>New-XpraAesKey and Get-XpraAesKey.</summary>
[Trait("Category", "Engine")]
public sealed class KeyCommandTests : IDisposable
{
    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public KeyCommandTests() => _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("", "Hex", 256, "^[0-9a-f]{64}$")]
    [InlineData("-Bits 128", "Hex", 128, "^[0-9a-f]{32}$")]
    [InlineData("-Format Base64", "Base64", 256, "^[A-Za-z0-9+/]{43}=$")]
    [InlineData("-Format Uuid", "Uuid", 122, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    public void A_new_key_has_the_form_asked_for(string arguments, string format, int bits, string pattern)
    {
        var key = Assert.Single(_host.Run($"New-XpraAesKey {arguments}").Output);
        Assert.Equal(format, $"{key.Properties["Format"].Value}");
        Assert.Equal(bits, key.Properties["Bits"].Value);
        Assert.Null(key.Properties["Path"].Value);
        Assert.Matches(pattern, $"{key}");
        Assert.Matches("^[0-9a-f]{4}(-[0-9a-f]{4}){3}$", $"{key.Properties["Fingerprint"].Value}");
    }

    [Fact]
    public void With_a_path_it_is_in_the_file_to_the_byte_and_comes_out_too()
    {
        var key = Assert.Single(_host.Run("New-XpraAesKey -Path key.txt").Output);
        Assert.Equal(_folder["key.txt"], key.Properties["Path"].Value);
        Assert.Equal($"{key}", File.ReadAllText(_folder["key.txt"]));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder["key.txt"]));
    }

    [Fact]
    public void Force_replaces_the_file_and_WhatIf_touches_nothing()
    {
        _folder.Write("key.txt", "old"u8);
        Assert.Empty(_host.Run("New-XpraAesKey key.txt -Force -WhatIf").Output);
        Assert.Empty(_host.Run("New-XpraAesKey other.txt -WhatIf").Output);
        Assert.Equal("old", File.ReadAllText(_folder["key.txt"]));
        Assert.False(File.Exists(_folder["other.txt"]));
        Assert.Equal(_host.Run("New-XpraAesKey key.txt -Force").Text, File.ReadAllText(_folder["key.txt"]));
    }

    [Fact]
    public void One_key_in_every_form_has_one_fingerprint()
    {
        const string Text = "0123456789abcdef0123456789abcdef";
        _folder.Write("key.txt", "0123456789abcdef0123456789abcdef\r\n"u8);
        _folder.Write("[odd] name", "0123456789abcdef0123456789abcdef"u8);
        string[] forms =
        [
            "Get-XpraAesKey key.txt",
            "Get-XpraAesKey -KeyFile ./k*.txt",
            "Get-XpraAesKey -LiteralPath '[odd] name'",
            "'key.txt' | Get-XpraAesKey",
            "[System.IO.FileInfo]::new(\"$PWD/key.txt\") | ForEach-Object { [pscustomobject]@{ PSPath = $_.FullName } } | Get-XpraAesKey",
            "[pscustomobject]@{ KeyFile = 'key.txt' } | Get-XpraAesKey",
            $"Get-XpraAesKey -KeyData {Text}",
            "Get-XpraAesKey -KeyData 0x3031323334353637383961626364656630313233343536373839616263646566",
            "Get-XpraAesKey -KeyData base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "Get-XpraAesKey -Key (Get-XpraAesKey key.txt)",
            $"Get-XpraAesKey -Key '{Text}'",
            $"Get-XpraAesKey -Key ([System.Net.NetworkCredential]::new('', '{Text}').SecurePassword)",
            $"Get-XpraAesKey -Key ([pscredential]::new('any', [System.Net.NetworkCredential]::new('', '{Text}').SecurePassword))",
            $"Get-XpraAesKey -Key ([System.Text.Encoding]::ASCII.GetBytes('{Text}'))",
            $"Get-XpraAesKey -Key @([System.Text.Encoding]::ASCII.GetBytes('{Text}') | ForEach-Object {{ $_ }})",
        ];
        foreach (var form in forms)
        {
            var result = _host.Run($"({form}).Fingerprint");
            Assert.Empty(result.Errors);
            Assert.Equal((form, _host.Run($"(Get-XpraAesKey -KeyData {Text}).Fingerprint").Text), (form, result.Text));
        }
    }

    [Fact]
    public void Each_missing_file_is_an_error_of_its_own_and_the_others_are_read()
    {
        _folder.Write("a.txt", "0123456789abcdef0123456789abcdef"u8);
        var result = _host.Run("'none', 'a.txt', 'nowhere/none', '*.nothing' | Get-XpraAesKey");
        Assert.Equal(_folder["a.txt"], Assert.Single(result.Output).Properties["Path"].Value);
        Assert.Equal([_folder["none"], _folder["nowhere/none"]], result.Errors.Select(error => error.TargetObject));
        Assert.All(result.Errors, error => Assert.StartsWith("KeyFileNotFound,", error.FullyQualifiedErrorId, StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_wrong_with_a_key_is_listed_by_name()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        _folder.Write("key.txt", [0xEF, 0xBB, 0xBF, .. "short "u8], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var result = _host.Run("(Get-XpraAesKey key.txt).Problems");
        Assert.Equal(["ByteOrderMark", "SurroundingWhiteSpace", "Weak", "OpenToOthers"], result.Output.Select(problem => $"{problem.Properties["Id"].Value}"));
        Assert.Equal($"Run: chmod 600 {_folder["key.txt"]}", result.Output[^1].Properties["RecommendedAction"].Value);
    }

    [Theory]
    [InlineData("Get-XpraAesKey -KeyFile (New-XpraAesKey)")]
    [InlineData("Get-XpraAesKey -KeyFile 'a', (New-XpraAesKey)")]
    [InlineData("New-XpraAesKey -Path (New-XpraAesKey)")]
    [InlineData("Start-XpraAesListener -BindAddress (New-XpraAesKey) -KeyData 0x00")]
    [InlineData("Connect-XpraAes -Uri (New-XpraAesKey)")]
    [InlineData("New-XpraAesKey | Connect-XpraAes")]
    public void A_key_object_in_the_wrong_place_is_refused_without_showing_it(string command)
    {
        var error = Assert.Single(_host.Run(command).Errors);
        Assert.DoesNotMatch("[0-9a-f]{64}", $"{error} {error.ErrorDetails} {error.Exception}");
        Assert.Contains("Parameter", error.Exception.GetType().Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_own_key_object_survives_the_cmdlets_that_were_given_it()
    {
        var result = _host.Run("$key = New-XpraAesKey; $null = Get-XpraAesKey -Key $key; $null = Start-XpraAesListener -Port 0 -Key $key -WhatIf; \"$key\"");
        Assert.Matches("^[0-9a-f]{64}$", result.Text);
        Assert.IsType<string>(Assert.Single(result.Output).BaseObject);
    }
}
