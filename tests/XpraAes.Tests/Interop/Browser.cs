using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Interop;

/// <summary>Debian's Chromium, driven by tests/browser/drive.js with playwright-core. It has a home of its own.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly string s_folder = Path.Combine(SharedFiles.Repository, "tests", "browser");

    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("xpra-browser-");
    private readonly Process _process;

    private Browser(X509Certificate2 trusted)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(s_folder, "drive.js"), Chromium, Convert.ToBase64String(SHA256.HashData(trusted.PublicKey.ExportSubjectPublicKeyInfo()))])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = s_folder,
        };
        start.Environment["HOME"] = _home.FullName;
        _process = Process.Start(start)!;
    }

    private static string Chromium => "/usr/bin/chromium";

    /// <summary>Skips the test if there is no browser, or nothing to drive it with.</summary>
    public static void Require()
    {
        Assert.SkipUnless(File.Exists(Chromium), "chromium is not installed: on Debian 12, apt-get install chromium.");
        RealXpra.RequireProgram("node", "nodejs npm");
        Assert.SkipUnless(Directory.Exists(Path.Combine(s_folder, "node_modules", "playwright-core")), "playwright-core is not installed: npm ci --prefix tests/browser.");
    }

    /// <summary>Starts it; of the certificates that no authority vouches for, it trusts this one.</summary>
    public static async Task<Browser> StartAsync(X509Certificate2 trusted)
    {
        var browser = new Browser(trusted);
        await browser.ReadAsync();
        return browser;
    }

    /// <summary>Runs a command of drive.js.</summary>
    public async Task<JsonElement> RunAsync(string name, object arguments)
    {
        var command = JsonSerializer.SerializeToNode(arguments)!.AsObject();
        command["name"] = name;
        await _process.StandardInput.WriteLineAsync(command.ToJsonString());
        await _process.StandardInput.FlushAsync();
        return await ReadAsync();
    }

    public async Task<string> TextAsync(string page, string selector) => (await RunAsync("text", new { page, selector })).GetString() ?? "";

    /// <summary>Opens the address in a browser of its own, types the key, and connects.</summary>
    public async Task OpenAsync(string page, string url, string key)
    {
        await RunAsync("open", new { page, url });
        await RunAsync("fill", new { page, selector = "#key", text = key });
        await RunAsync("click", new { page, selector = "#connect" });
    }

    /// <summary>Waits until so many pixels have this color, and returns their middle.</summary>
    public async Task<(double X, double Y)> SeeAsync(string page, int color, int count)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var found = await RunAsync("find", new { page, color = new[] { color >> 16, color >> 8 & 0xff, color & 0xff } });
            if (found.GetProperty("count").GetInt32() >= count)
                return (found.GetProperty("x").GetDouble(), found.GetProperty("y").GetDouble());
            if (Stopwatch.GetElapsedTime(start) > Loopback.HelloTimeout)
                throw new TimeoutException($"It shows {found} of {count}. It said:\n{(await RunAsync("said", new { page })).GetString()}");
            await Task.Delay(100);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
        }
        _process.Dispose();
        _home.Delete(recursive: true);
    }

    private async Task<JsonElement> ReadAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)) ?? throw new InvalidOperationException("The browser has ended.");
        var answer = JsonDocument.Parse(line).RootElement;
        return answer.TryGetProperty("error", out var error) ? throw new InvalidOperationException(error.GetString()) : answer.TryGetProperty("result", out var result) ? result : answer;
    }
}
