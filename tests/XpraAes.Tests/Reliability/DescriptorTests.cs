using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>A process that has no file descriptors left.</summary>
[Trait("Category", "Reliability")]
public sealed class DescriptorTests : IDisposable
{
    private const int Descriptors = 256;

    private readonly TempFolder _folder = new();
    private readonly XpraKey _key = XpraKey.Generate();

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_connection_for_which_there_is_no_file_descriptor_fails_like_any_other()
    {
        // The first attempt loads what it needs.
        using var process = Start("""
            param($Manifest, $KeyFile)
            Import-Module $Manifest
            $key = Get-XpraAesKey -Path $KeyFile
            $held = [System.Collections.Generic.List[object]]::new()
            foreach ($attempt in 1, 2) {
                try { Connect-XpraAes -ComputerName 127.0.0.1 -Port 1 -Key $key -ErrorAction Stop } catch { $failure = $_ }
                while ($attempt -eq 1) {
                    try { $held.Add([System.IO.File]::OpenRead('/dev/null')) } catch { break }
                }
            }
            foreach ($file in $held) { $file.Dispose() }
            [Console]::WriteLine("$($failure.FullyQualifiedErrorId) $failure")
            """);
        var (_, output, errors) = await ShellProcess.FinishAsync(process);
        Assert.Equal(("", true), (errors, output.StartsWith(nameof(XpraErrorId.HostUnreachable), StringComparison.Ordinal)));
        Assert.Contains("no file descriptor left", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_that_runs_out_of_file_descriptors_serves_again_when_there_are_some()
    {
        using var process = Start("""
            param($Manifest, $KeyFile)
            Import-Module $Manifest
            $listener = Start-XpraAesListener -Port 0 -KeyFile $KeyFile -TrustedSource 127.0.0.0/8
            [Console]::WriteLine($listener.Port)
            $null = [Console]::ReadLine()
            [Console]::WriteLine("accepted $($listener.Accepted)")
            $listener | Stop-XpraAesListener -GracePeriod 0
            """);
        var unauthenticatedClients = new List<Socket>();
        try
        {
            var port = int.Parse((await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)))!, CultureInfo.InvariantCulture);
            for (var i = 0; i < Descriptors + 100; i++)
            {
                var unauthenticatedClient = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                unauthenticatedClients.Add(unauthenticatedClient);
                await unauthenticatedClient.ConnectAsync(IPAddress.Loopback, port);
            }
            // The last ones are disconnected; the first ones stay.
            Assert.Equal(0, await unauthenticatedClients[^1].ReceiveAsync(new byte[1]).WaitAsync(Loopback.HelloTimeout));
            Assert.InRange(Directory.GetFileSystemEntries($"/proc/{process.Id}/fd").Length, Descriptors - 80, Descriptors - 1);
            // As long as .NET may take to end the process.
            await Task.Delay(TimeSpan.FromSeconds(5));
            Assert.False(process.HasExited);

            foreach (var unauthenticatedClient in unauthenticatedClients)
                unauthenticatedClient.Dispose();
            await using var client = await FakePeer.ConnectAsync(port, _key);
            await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CBC);
            await client.SendAsync("ping", 1L);
            await client.ReceiveAsync("ping_echo");

            await process.StandardInput.WriteLineAsync();
            var (code, output, errors) = await ShellProcess.FinishAsync(process);
            Assert.Equal((0, "accepted 1\n", ""), (code, output, errors));
        }
        finally
        {
            foreach (var unauthenticatedClient in unauthenticatedClients)
                unauthenticatedClient.Dispose();
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Starts a script, which gets the module's manifest and the key's file, in a process with few file descriptors.</summary>
    private Process Start(string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The bound is set, and seen, as on Linux.");
        _key.Save(_folder["key"]);
        File.WriteAllText(_folder["script.ps1"], script);
        return ShellProcess.StartUnder($"ulimit -n {Descriptors}", _folder["script.ps1"], TestPaths.BuiltManifest, _folder["key"]);
    }
}
