using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Interop;

/// <summary>Three gateway processes behind a real HAProxy with the configuration in samples: on loopback, or with its addresses, in a network of their own.</summary>
internal sealed partial class HaproxyRig : IAsyncDisposable
{
    /// <summary>How many there are.</summary>
    public const int Gateways = 3;

    /// <summary>Members of a network.</summary>
    public const string Balancer = "lb";

    private const string Program = "/usr/sbin/haproxy", KeyText = "0123456789abcdef0123456789abcdef";
    private const int SamplePort = 10000, SampleManagementPort = 9464;

    private readonly TempFolder _folder = new();
    private readonly TestNetwork? _network;
    private readonly string _limits;
    private readonly int[] _ports = RealXpra.FreePorts(2 * Gateways + 1); // on loopback
    private readonly Process?[] _gateways = new Process?[Gateways];
    private Process? _haproxy;

    private HaproxyRig(string limits, TestNetwork? network) => (_limits, _network) = (limits, network);

    /// <summary>Generous, for loaded machines.</summary>
    public static TimeSpan Deadline { get; } = TimeSpan.FromMinutes(1);

    public XpraKey Key { get; } = XpraKey.FromText(KeyText);

    /// <summary>Where clients connect to.</summary>
    public (string Host, int Port) Address => _network is null ? ("127.0.0.1", _ports[^1]) : ("10.0.0.5", SamplePort);

    /// <summary>The members of a network for it.</summary>
    public static (string, string)[] Members { get; } = [(Balancer, "10.0.0.5"), .. Enumerable.Range(0, Gateways).Select(gateway => (NameOf(gateway), HostOf(gateway)))];

    /// <summary>Starts all of them, and waits until HAProxy has found all gateways ready. Skips the test where there is no HAProxy.</summary>
    /// <param name="limits">Entries of -Limit, separated by semicolons.</param>
    /// <param name="network">One with the <see cref="Members"/>; null for loopback.</param>
    public static async Task<HaproxyRig> StartAsync(string limits, TestNetwork? network = null)
    {
        Assert.SkipUnless(File.Exists(Program), "HAProxy is not installed.");
        var rig = new HaproxyRig(limits, network);
        try
        {
            await rig.StartAsync();
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>The member of a network that a gateway is.</summary>
    public static string NameOf(int gateway) => $"g{gateway + 1}";

    public Process ProcessOf(int gateway) => _gateways[gateway]!;

    public async Task StartGatewayAsync(int gateway)
    {
        var (host, port, management) = PlaceOf(gateway);
        string[] command = ["-Command", $"Start-XpraAesListener -BindAddress {host} -Port {port} -KeyData {KeyText} -Iterations 1000 -TrustedSource {Address.Host} -ProxyProtocol Required"
            + $" -ManagementAddress {host}:{management} -AuditLogPath '{AuditPath(gateway)}' -Limit @{{ {_limits} }} -WarningAction Ignore -Wait | ForEach-Object Endpoint"];
        var process = _network is null ? ShellProcess.Start(command) : ShellProcess.StartUnder($"set -- {string.Join(' ', _network.Enter(NameOf(gateway)))} \"$@\"", command);
        _gateways[gateway]?.Dispose();
        _gateways[gateway] = process;
        var endpoint = await process.StandardOutput.ReadLineAsync();
        Assert.True($"{host}:{port}" == endpoint, endpoint ?? await process.StandardError.ReadToEndAsync());
    }

    /// <summary>The events of a gateway's audit log.</summary>
    public JsonElement[] Audit(int gateway)
    {
        using var file = new FileStream(AuditPath(gateway), FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var text = new StreamReader(file).ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    /// <summary>The gateway in whose audit log there is such a session; waits until one has it.</summary>
    public async Task<int> GatewayOfAsync(string field, string value)
    {
        var gateway = -1;
        await Loopback.Eventually(() => (gateway = Array.FindIndex([.. Enumerable.Range(0, Gateways)], i =>
            Audit(i).Any(e => e.GetProperty("event").GetString() == "SessionOpened" && e.TryGetProperty(field, out var found) && found.GetString() == value))) >= 0, Deadline, () => $"{value} is in no log.");
        return gateway;
    }

    /// <summary>Waits until HAProxy thinks so of a gateway: UP or DOWN.</summary>
    public Task UntilHealthIsAsync(int gateway, string state)
        => Loopback.Eventually(() => HealthOf(gateway) is var (status, _) && status == state, Deadline, () => $"{NameOf(gateway)}: {HealthOf(gateway)}");

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _gateways.Append(_haproxy).OfType<Process>())
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
        Key.Dispose();
        _folder.Dispose();
    }

    private static string HostOf(int gateway) => $"10.0.0.1{gateway + 1}";

    private (string Host, int Port, int Management) PlaceOf(int gateway)
        => _network is null ? ("127.0.0.1", _ports[gateway], _ports[Gateways + gateway]) : (HostOf(gateway), SamplePort, SampleManagementPort);

    private async Task StartAsync()
    {
        await Task.WhenAll(Enumerable.Range(0, Gateways).Select(StartGatewayAsync));
        var sample = await File.ReadAllTextAsync(Path.Combine(SharedFiles.Repository, "samples", "haproxy.cfg"));
        // Its user and its log are not those of a test.
        var lines = OfTheMachine().Replace(sample, "").Replace("/run/haproxy/admin.sock", _folder["admin.sock"], StringComparison.Ordinal);
        if (_network is null)
        {
            lines = lines.Replace($"bind :{SamplePort}", $"bind 127.0.0.1:{Address.Port}", StringComparison.Ordinal);
            for (var i = 0; i < Gateways; i++)
                lines = lines.Replace($"{HostOf(i)}:{SamplePort}", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{PlaceOf(i).Port} port {PlaceOf(i).Management}"), StringComparison.Ordinal);
        }
        _folder.Write("haproxy.cfg", Encoding.ASCII.GetBytes(lines));
        string[] command = [.. _network?.Enter(Balancer) ?? [], Program, "-db", "-f", _folder["haproxy.cfg"]];
        _haproxy = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        await Loopback.Eventually(() => _haproxy.HasExited || Enumerable.Range(0, Gateways).All(gateway => HealthOf(gateway) == ("UP", "L7OK")), Deadline, () => string.Join(", ", Enumerable.Range(0, Gateways).Select(HealthOf)));
        Assert.False(_haproxy.HasExited, _haproxy.HasExited ? await _haproxy.StandardError.ReadToEndAsync() : "");
    }

    private string AuditPath(int gateway) => _folder[$"audit-{gateway}.json"];

    /// <summary>What HAProxy thinks of a gateway, and how its last check went; null before it answers.</summary>
    private (string Status, string Check)? HealthOf(int gateway)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(_folder["admin.sock"]));
            socket.Send("show stat\n"u8);
            using var reader = new StreamReader(new NetworkStream(socket));
            var lines = reader.ReadToEnd().Split('\n');
            string[] names = lines[0].TrimStart('#', ' ').Split(','), values = lines.Single(line => line.StartsWith($"gateways,gateway{gateway + 1},", StringComparison.Ordinal)).Split(',');
            return (values[Array.IndexOf(names, "status")], values[Array.IndexOf(names, "check_status")]);
        }
        catch (SocketException)
        {
            return null;
        }
    }

    [GeneratedRegex("^ +(log|user|group|maxconn|option tcplog)\\b.*\n", RegexOptions.Multiline)]
    private static partial Regex OfTheMachine();
}
