using System.Collections;
using System.Management.Automation;
using System.Text;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Commands;

/// <summary>No cmdlet outputs a key or password, except in the key object's own text.</summary>
[Trait("Category", "Engine")]
[Collection("Live objects")]
public sealed class SecretTests : IDisposable
{
    private const string Key = "ThisKeyIsNotToBeSeenAnywhere-0123";
    private const string Password = "NorIsThisPassword-4567";

    private readonly EngineHost _host = EngineHost.WithModule();
    private readonly TempFolder _folder = new();

    public SecretTests()
    {
        _folder.Write("key.txt", Encoding.ASCII.GetBytes(Key + " ")); // the space is reported as a problem
        _folder.Write("password.txt", Encoding.ASCII.GetBytes(Password + "\n"));
        _host.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder.Root}')");
        _host.Run($"$text = '{Key}'; $uri = 'tcp://ada:{Password}@127.0.0.1:1/?keydata=0x{Hex(Key)}'; $broken = 'tcp://ada:{Password}@127.0.0.1:x/?keydata={Key}'");
        _host.Run($"$credential = [pscredential]::new('ada', [System.Net.NetworkCredential]::new('', '{Password}').SecurePassword); $key = Get-XpraAesKey key.txt");
        _host.Run("$listener = Start-XpraAesListener -Port 0 -KeyFile key.txt");
    }

    public static TheoryData<string> Commands =>
    [
        "New-XpraAesKey other.txt -WhatIf -Verbose",
        "Get-XpraAesKey key.txt -Verbose",
        "Get-XpraAesKey -KeyData $text",
        "(Get-XpraAesKey key.txt).Problems",
        "Export-XpraAesPsk -KeyFile key.txt -Path psk.txt -Verbose -Debug",
        "Export-XpraAesPsk -Key $text -Path psk.txt",
        "Export-XpraAesPsk -KeyData $text -Path none/psk.txt",
        "Export-XpraAesPsk -KeyFile $key -Path psk.txt",
        "Export-XpraAesPsk -KeyFile key.txt -Path $key",
        "Export-XpraAesPsk -KeyFile key.txt -Path key.txt -Force",
        "Export-XpraAesPsk -KeyFile key.txt -Path psk.txt -WhatIf",
        "$listener",
        "Start-XpraAesListener -Port 0 -Key $key -Verbose -Debug",
        "Start-XpraAesListener -Port 0 -KeyData $text -WhatIf",
        "Start-XpraAesListener -Port 0 -KeyData base64:$text",
        "Start-XpraAesListener -Port 0 -KeyData 0x$text",
        "Start-XpraAesListener -Port $listener.Port -Key $text",
        "Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyFile key.txt -Credential $credential -Verbose -Debug",
        "Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Key $text -PasswordFile password.txt",
        "Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -KeyData other -Credential $credential",
        "Connect-XpraAes $uri",
        "Connect-XpraAes $broken",
        "Connect-XpraAes $uri -KeyData $text",
        "Connect-XpraAes $uri -Credential $credential",
        "Connect-XpraAes $text -KeyData $text",
        "Get-XpraAesKey -KeyFile $key",
        "Connect-XpraAes -ComputerName $key -KeyData $text",
        "Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port -Key $key | ForEach-Object { $_; $_ | Get-XpraCipherInfo; $_ | Disconnect-XpraAes -WhatIf }",
        "$listener | Stop-XpraAesListener -WhatIf",
    ];

    public void Dispose()
    {
        _host.Run("Get-XpraAesConnection | Disconnect-XpraAes; Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0");
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void No_output_of_a_command_contains_a_secret(string command)
    {
        using var pipeline = _host.Create(command);
        var output = pipeline.Invoke();
        var streams = pipeline.Streams;
        var text = new StringBuilder();
        foreach (var item in output)
            Describe(text, item, depth: 3);
        foreach (var error in streams.Error)
            text.AppendLine($"{error} {error.ErrorDetails?.RecommendedAction} {error.TargetObject} {error.FullyQualifiedErrorId} {error.Exception}");
        foreach (var record in streams.Warning.Concat<object>(streams.Verbose).Concat(streams.Debug).Concat(streams.Information).Concat(streams.Progress))
            text.AppendLine($"{record}");
        Assert.True(output.Count + streams.Error.Count > 0 || command.Contains("-WhatIf", StringComparison.Ordinal), "there was no output");
        foreach (var secret in (string[])[Key, Password, Hex(Key), Convert.ToBase64String(Encoding.ASCII.GetBytes(Key)), Hex(Password), .. PreSharedKeys()])
            Assert.DoesNotContain(secret, $"{text}", StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void What_is_written_of_a_key_to_a_file_or_another_process_is_its_fingerprint()
    {
        var fingerprint = _host.Run("$key.Fingerprint").Text;
        var written = _host.Run("[System.Management.Automation.PSSerializer]::Serialize($key)").Text;
        Assert.Contains(fingerprint, written, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, written, StringComparison.Ordinal);
        Assert.Equal(Key + " ", _host.Run("\"$key\"").Text);
    }

    /// <summary>Of the key as text and as it is in the file.</summary>
    private static IEnumerable<string> PreSharedKeys()
    {
        foreach (var text in (string[])[Key, Key + " "])
        {
            using var key = XpraKey.FromText(text);
            var secrets = TlsPskSecrets.Of(key);
            yield return Convert.ToHexString(secrets.Sha256.Key.Span);
            yield return Convert.ToHexString(secrets.Sha384.Key.Span);
        }
    }

    private static string Hex(string text) => Convert.ToHexString(Encoding.ASCII.GetBytes(text));

    // What Format-List * and ConvertTo-Json show: the names and values of all properties, nested.
    private static void Describe(StringBuilder text, object? value, int depth)
    {
        if (value is null || depth == 0)
            return;
        var item = PSObject.AsPSObject(value);
        if (item.TypeNames[0] != "XpraAes.XpraKey")
            text.AppendLine($"{item}");
        if (item.BaseObject is IEnumerable items and not string)
        {
            foreach (var inner in items)
                Describe(text, inner, depth - 1);
            return;
        }
        foreach (var property in item.Properties)
        {
            try
            {
                Describe(text, property.Value, depth - 1);
            }
            catch (GetValueException)
            {
                // For example, a Task's result that is not available yet.
            }
        }
    }
}
