using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using XpraAes.Ciphers;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Interop;

/// <summary>Three gateway processes behind a real HAProxy with the configuration in samples, on loopback: clients come from 127.9.0.0/16, HAProxy from 127.0.0.1.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed partial class HaproxyTests : IAsyncLifetime
{
    private const string Program = "/usr/sbin/haproxy", KeyText = "0123456789abcdef0123456789abcdef";
    private const int Gateways = 3;

    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(1);

    private readonly TempFolder _folder = new();
    private readonly XpraKey _key = XpraKey.FromText(KeyText);
    private readonly int[] _ports = RealXpra.FreePorts(Gateways + 1);
    private readonly Process?[] _gateways = new Process?[Gateways];
    private readonly List<(FakePeer Peer, int Gateway)> _clients = [];
    private Process? _haproxy;
    private int _nextClient;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(File.Exists(Program), "HAProxy is not installed.");
        await Task.WhenAll(Enumerable.Range(0, Gateways).Select(StartGatewayAsync));
        var sample = await File.ReadAllTextAsync(Path.Combine(SharedFiles.Repository, "samples", "haproxy.cfg"));
        // Its addresses, its user and its log are not those of a test.
        var lines = OfTheMachine().Replace(sample, "").Replace("bind :10000", $"bind 127.0.0.1:{_ports[Gateways]}", StringComparison.Ordinal)
            .Replace("/run/haproxy/admin.sock", _folder["admin.sock"], StringComparison.Ordinal);
        for (var i = 0; i < Gateways; i++)
            lines = lines.Replace($"10.0.0.1{i + 1}:10000", $"127.0.0.1:{_ports[i]}", StringComparison.Ordinal);
        _folder.Write("haproxy.cfg", System.Text.Encoding.ASCII.GetBytes(lines));
        _haproxy = Process.Start(new ProcessStartInfo(Program, ["-db", "-f", _folder["haproxy.cfg"]]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        await Loopback.Eventually(() => CanConnect(_ports[Gateways]) || _haproxy.HasExited, s_deadline);
        Assert.False(_haproxy.HasExited, _haproxy.HasExited ? await _haproxy.StandardError.ReadToEndAsync() : "");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (peer, _) in _clients)
            await peer.DisposeAsync();
        foreach (var process in _gateways.Append(_haproxy).OfType<Process>())
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.Dispose();
        }
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Sessions_spread_and_stay_and_only_those_of_a_gateway_that_dies_end()
    {
        for (var i = 0; i < 2 * Gateways; i++)
            await ConnectAsync();
        Assert.Equal([2, 2, 2], Enumerable.Range(0, Gateways).Select(gateway => _clients.Count(client => client.Gateway == gateway)));

        // kill -9: its sessions end, the others notice nothing, and its clients come back to the others.
        _gateways[0]!.Kill();
        foreach (var (peer, _) in _clients.Where(client => client.Gateway == 0))
            await Assert.ThrowsAnyAsync<Exception>(() => PingAsync(peer));
        _clients.RemoveAll(client => client.Gateway == 0);
        await PingAllAsync();
        await ConnectAsync();
        await ConnectAsync();
        Assert.DoesNotContain(_clients, client => client.Gateway == 0);

        // Started again, it gets the next ones, as it has the fewest.
        await StartGatewayAsync(0);
        await Loopback.Eventually(() => HealthIs(0, "UP"), s_deadline);
        await ConnectAsync();
        Assert.Equal(0, _clients[^1].Gateway);
        await PingAllAsync();
    }

    [Fact]
    public async Task A_gateway_that_drains_keeps_its_sessions_and_new_ones_go_elsewhere()
    {
        for (var i = 0; i < Gateways; i++)
            await ConnectAsync();
        await ShellProcess.SignalAsync(_gateways[1]!, "TERM");
        // As soon as the port is closed, before a health check has noticed: those that are refused there are sent elsewhere.
        await Loopback.Eventually(() => !Array.Exists(IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners(), listening => listening.Port == _ports[1]), s_deadline);
        for (var i = 0; i < 4; i++)
            await ConnectAsync();
        Assert.Single(_clients, client => client.Gateway == 1);
        await PingAllAsync();
        var last = _clients.Single(client => client.Gateway == 1).Peer;
        await last.DisposeAsync();
        Assert.Equal(0, (await ShellProcess.FinishAsync(_gateways[1]!)).ExitCode);
        _clients.RemoveAll(client => client.Gateway == 1);
        await PingAllAsync();
        // Health checks are no clients: nobody was refused.
        Assert.DoesNotContain(Enumerable.Range(0, Gateways).SelectMany(Audit), e => e.GetProperty("event").GetString() is "PeerRefused" or "ConnectionsLeftOut");
    }

    private async Task StartGatewayAsync(int gateway)
    {
        var process = ShellProcess.Start("-Command", $"Start-XpraAesListener -Port {_ports[gateway]} -KeyData {KeyText} -WarningAction Ignore -TrustedSource 127.0.0.1 -ProxyProtocol Required"
            + $" -AuditLogPath '{AuditPath(gateway)}' -Limit @{{ DrainTime = 300 }} -Wait | ForEach-Object Endpoint");
        _gateways[gateway] = process;
        Assert.Equal($"127.0.0.1:{_ports[gateway]}", await process.StandardOutput.ReadLineAsync());
    }

    /// <summary>A session through HAProxy, from an address of its own, which the audit log of one gateway has.</summary>
    private async Task ConnectAsync()
    {
        var source = IPAddress.Parse($"127.9.0.{++_nextClient}");
        var peer = await FakePeer.ConnectAsync(_ports[Gateways], _key, source);
        await peer.OpenSessionAsync(Generation.Named("6.2"), AesMode.CBC);
        await PingAsync(peer);
        var from = peer.Socket.LocalEndPoint!.ToString();
        var gateway = -1;
        await Loopback.Eventually(() => (gateway = Array.FindIndex([.. Enumerable.Range(0, Gateways)], i =>
            Audit(i).Any(e => e.GetProperty("event").GetString() == "SessionOpened" && e.GetProperty("peer").GetString() == from))) >= 0, s_deadline, () => $"{from} is in no log.");
        _clients.Add((peer, gateway));
    }

    private async Task PingAllAsync()
    {
        foreach (var (peer, _) in _clients)
            await PingAsync(peer);
    }

    private static async Task PingAsync(FakePeer peer)
    {
        await peer.SendAsync("ping", 1L);
        await peer.ReceiveAsync("ping_echo");
    }

    private string AuditPath(int gateway) => _folder[$"audit-{gateway}.json"];

    private JsonElement[] Audit(int gateway)
    {
        using var file = new FileStream(AuditPath(gateway), FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var text = new StreamReader(file).ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    /// <summary>What HAProxy thinks of a gateway.</summary>
    private bool HealthIs(int gateway, string state)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_folder["admin.sock"]));
        socket.Send("show stat\n"u8);
        using var reader = new StreamReader(new NetworkStream(socket));
        return reader.ReadToEnd().Split('\n').Any(line => line.StartsWith($"gateways,gateway{gateway + 1},", StringComparison.Ordinal) && line.Split(',')[17] == state);
    }

    private static bool CanConnect(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [GeneratedRegex("^ +(log|user|group|maxconn|option tcplog)\\b.*\n", RegexOptions.Multiline)]
    private static partial Regex OfTheMachine();
}
