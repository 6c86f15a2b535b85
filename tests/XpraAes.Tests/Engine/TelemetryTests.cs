using System.Diagnostics;
using System.Text;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Engine;

/// <summary>PowerShell sends telemetry half a minute after its start. xpra-aes does not.</summary>
[Trait("Category", "Engine")]
public sealed class TelemetryTests
{
    private const string Ask = "$env:POWERSHELL_TELEMETRY_OPTOUT; [psobject].Assembly.GetType('Microsoft.PowerShell.Telemetry.ApplicationInsightsTelemetry').GetProperty('CanSendTelemetry').GetValue($null)";

    [Fact]
    public async Task Telemetry_is_opted_out_before_the_engine_runs()
    {
        var (exitCode, output, errors) = await ShellProcess.RunAsync("-Command", Ask);
        Assert.Equal((0, "1\nFalse\n", ""), (exitCode, output, errors));
    }

    /// <summary>Checked with the runtime's own trace of DNS lookups, for as long as the engine waits.</summary>
    [Theory(Explicit = true)]
    [InlineData("[System.Threading.Thread]::Sleep(40000)", false)]
    [InlineData("$null = [System.Net.Dns]::GetHostAddresses('localhost')", true)] // the trace shows what there is
    public async Task No_name_is_looked_up(string script, bool looksUp)
    {
        using var folder = new TempFolder();
        var start = new ProcessStartInfo("dotnet", [TestPaths.Shell, "-Command", script]) { RedirectStandardInput = true };
        start.Environment["DOTNET_EnableEventPipe"] = "1";
        start.Environment["DOTNET_EventPipeConfig"] = "System.Net.NameResolution:0xFFFFFFFF:5";
        start.Environment["DOTNET_EventPipeOutputPath"] = folder["trace.nettrace"];
        start.Environment.Remove("POWERSHELL_TELEMETRY_OPTOUT");
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(looksUp, File.ReadAllBytes(folder["trace.nettrace"]).AsSpan().IndexOf(Encoding.Unicode.GetBytes("ResolutionStart")) >= 0);
    }
}
