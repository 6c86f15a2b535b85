using System.Diagnostics;
using System.Text.Json.Nodes;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Tests.Keys;
using XpraAes.Transports;

namespace XpraAes.Tests.Interop;

/// <summary>The installed xpra reads the session files of Export-XpraSessionFile, with the code that its launcher reads them with.</summary>
[Trait("Category", "Interop")]
public sealed class RealLauncherTests : IDisposable
{
    // The launcher itself cannot be imported without a display; its names and their types are taken from its source.
    private const string Reader = """
        import ast, importlib.util, json, sys
        from xpra.scripts.config import read_config, validate_config
        source = open(importlib.util.find_spec("xpra").submodule_search_locations[0] + "/client/gtk_base/client_launcher.py").read()
        types = next(node.value for node in ast.parse(source).body if isinstance(node, ast.Assign) and node.targets[0].id == "LAUNCHER_OPTION_TYPES")
        names = {key.value: {"str": str, "int": int, "bool": bool}[value.id] for key, value in zip(types.keys, types.values)}
        print(json.dumps(validate_config(read_config(sys.argv[1]), extras_types=names)))
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_line_is_read()
    {
        var endpoint = new XpraEndpoint(TransportKind.Tls, "h.example", 10443) { Trust = new() { AuthorityFile = "/etc/ca.pem", HostName = "other" } };
        var read = Read(SessionFile.Write(endpoint, AesMode.CBC, "/home/ada/k=e y.txt", "/home/ada/pw", asksPassword: true, "ada"));
        JsonObject expected = new()
        {
            ["mode"] = "ssl", ["host"] = "h.example", ["port"] = 10443, ["username"] = "ada", ["encryption"] = "AES", ["encryption-keyfile"] = "/home/ada/k=e y.txt",
            ["password-file"] = new JsonArray("/home/ada/pw"), ["ssl-ca-certs"] = "/etc/ca.pem", ["ssl-server-hostname"] = "other", ["autoconnect"] = true,
        };
        // 3.1.3 has no such option, and says so.
        if (!read.ContainsKey("ssl-server-hostname"))
            expected.Remove("ssl-server-hostname");
        Assert.True(JsonNode.DeepEquals(expected, read), read.ToJsonString());
    }

    private JsonObject Read(string content)
    {
        const string python = "/usr/bin/python3";
        Assert.SkipUnless(File.Exists(python), "There is no /usr/bin/python3.");
        var start = new ProcessStartInfo(python, ["-c", Reader, _folder.Write("ada.xpra", System.Text.Encoding.UTF8.GetBytes(content))]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PYTHONWARNINGS"] = "ignore";
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        process.WaitForExit();
        Assert.SkipWhen(errors.Result.Contains("No module named 'xpra'", StringComparison.Ordinal), "No xpra is installed for /usr/bin/python3.");
        Assert.True(process.ExitCode == 0, errors.Result);
        return JsonNode.Parse(output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1])!.AsObject();
    }
}
