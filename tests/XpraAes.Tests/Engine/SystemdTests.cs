using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using XpraAes.Connections;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Engine;

/// <summary>xpra-aes as a service of systemd: what it tells it, which sockets it takes from it, and how it stops. systemd's part is played by the test.</summary>
[Trait("Category", "Engine")]
[Collection(LoopbackCollection.Name)]
public sealed class SystemdTests : IDisposable
{
    private const string KeyText = "0123456789abcdef0123456789abcdef";

    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(1);

    private readonly TempFolder _folder = new();
    private readonly XpraKey _key = XpraKey.FromText(KeyText);

    public SystemdTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has systemd.");

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_is_told_when_the_listener_is_ready_and_alive_how_many_sessions_there_are_and_that_it_stops(bool isAbstract)
    {
        var name = isAbstract ? $"@xpra-aes-{Guid.NewGuid():N}" : _folder["notify"];
        using var systemd = new Systemd(name);
        using var process = ShellProcess.Start(
            new Dictionary<string, string> { ["NOTIFY_SOCKET"] = name, ["WATCHDOG_USEC"] = "500000" },
            ["-Command", $"Start-XpraAesListener -Port 0 -KeyData {KeyText} -WarningAction Ignore -Limit @{{ DrainTime = 300 }} -Wait | ForEach-Object Endpoint; 'end'"]);
        await systemd.UntilAsync("READY=1");
        var endpoint = (await process.StandardOutput.ReadLineAsync())!;
        Assert.Contains(systemd.Said, text => text.Contains($"STATUS=0 sessions on {endpoint}", StringComparison.Ordinal));
        await systemd.UntilAsync("WATCHDOG=1", times: 3);

        await using var client = await ConnectAsync(IPEndPoint.Parse(endpoint).Port);
        await systemd.UntilAsync($"STATUS=1 session on {endpoint}");
        await ShellProcess.SignalAsync(process, "TERM");
        // The session goes on, and nobody else gets in.
        await systemd.UntilAsync("STOPPING=1\nEXTEND_TIMEOUT_USEC=311000000\nSTATUS=Stopping, with 1 session left");
        Assert.True(await client.PingAsync(s_deadline) > TimeSpan.Zero);
        Assert.Equal(XpraErrorId.ConnectionRefused, (await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(IPEndPoint.Parse(endpoint).Port))).Id);
        await client.CloseAsync();
        Assert.Equal((0, "end\n", ""), await ShellProcess.FinishAsync(process));
    }

    /// <summary>With the limit DrainDelay, clients still get in after that, and systemd gives it the time for both.</summary>
    [Fact]
    public async Task It_is_told_of_the_delay_before_the_port_is_closed()
    {
        var name = _folder["notify"];
        using var systemd = new Systemd(name);
        using var process = ShellProcess.Start(
            new Dictionary<string, string> { ["NOTIFY_SOCKET"] = name, ["WATCHDOG_USEC"] = "500000" },
            ["-Command", $"Start-XpraAesListener -Port 0 -KeyData {KeyText} -WarningAction Ignore -Limit @{{ DrainDelay = 7; DrainTime = 300 }} -Wait | ForEach-Object Endpoint"]);
        var endpoint = (await process.StandardOutput.ReadLineAsync())!;
        await ShellProcess.SignalAsync(process, "TERM");
        await systemd.UntilAsync($"STOPPING=1\nEXTEND_TIMEOUT_USEC=318000000\nSTATUS=About to stop, with 0 sessions on {endpoint}");
        await using var client = await ConnectAsync(IPEndPoint.Parse(endpoint).Port);
        await systemd.UntilAsync($"STATUS=About to stop, with 1 session on {endpoint}");
        await systemd.UntilAsync("STATUS=Stopping, with 1 session left");
        await systemd.UntilAsync("WATCHDOG=1", times: systemd.Said.Count(said => said == "WATCHDOG=1") + 3);
        Assert.True(await client.PingAsync(s_deadline) > TimeSpan.Zero);
        await client.CloseAsync();
        Assert.Equal(0, (await ShellProcess.FinishAsync(process)).ExitCode);
    }

    [Theory]
    [InlineData("DrainTime = 300")]
    [InlineData("DrainDelay = 300; DrainTime = 300")]
    public async Task A_second_SIGTERM_ends_the_sessions_at_once(string limits)
    {
        using var process = ShellProcess.Start("-Command", $"Start-XpraAesListener -Port 0 -KeyData {KeyText} -WarningAction Ignore -Limit @{{ {limits} }} -Wait | ForEach-Object Endpoint");
        await using var client = await ConnectAsync(IPEndPoint.Parse((await process.StandardOutput.ReadLineAsync())!).Port);
        await ShellProcess.SignalAsync(process, "TERM");
        await Task.Delay(200);
        Assert.Equal(ConnectionState.Open, client.State);
        await ShellProcess.SignalAsync(process, "TERM");
        await client.Completion.WaitAsync(s_deadline);
        Assert.Contains("server exit", client.CloseReason, StringComparison.Ordinal);
        Assert.Equal(0, (await ShellProcess.FinishAsync(process)).ExitCode);
    }

    /// <summary>Where nobody hangs up a terminal, SIGHUP is an administrator's, and no reason to end.</summary>
    [Fact]
    public async Task Without_a_terminal_SIGHUP_ends_nothing()
    {
        using var process = ShellProcess.StartUnder("set -- setsid \"$@\"", "-Command", $"Start-XpraAesListener -Port 0 -KeyData {KeyText} -WarningAction Ignore -Wait | ForEach-Object Endpoint");
        await using var client = await ConnectAsync(IPEndPoint.Parse((await process.StandardOutput.ReadLineAsync())!).Port);
        await ShellProcess.SignalAsync(process, "HUP");
        await Task.Delay(200);
        Assert.True(await client.PingAsync(s_deadline) > TimeSpan.Zero);
        await ShellProcess.SignalAsync(process, "TERM");
        Assert.Equal(0, (await ShellProcess.FinishAsync(process)).ExitCode);
    }

    /// <summary>With a configuration file, it means that the file has changed: all of it is taken, or nothing.</summary>
    [Fact]
    public async Task SIGHUP_applies_the_changed_configuration()
    {
        const string OtherKeyText = "fedcba9876543210fedcba9876543210";
        var path = _folder["gateway.psd1"];
        void Write(string key, string more = "") => File.WriteAllText(path, $"@{{ Port = 0; KeyFile = '{key}'; LogPath = 'gateway.log'{more} }}");
        foreach (var (name, text) in new[] { ("key.txt", KeyText), ("other.txt", OtherKeyText) })
            _folder.Write(name, Encoding.ASCII.GetBytes(text));
        Write("key.txt");
        using var process = ShellProcess.StartUnder("set -- setsid \"$@\"", "-Command", $"Start-XpraAesListener -ConfigurationPath '{path}' -WarningAction Ignore -Wait | ForEach-Object Endpoint");
        var port = IPEndPoint.Parse((await process.StandardOutput.ReadLineAsync())!).Port;
        await using var first = await ConnectAsync(port);

        Write("other.txt", "; Iterations = 3");
        await ShellProcess.SignalAsync(process, "HUP");
        await Loopback.Eventually(() => Logged("not applied, IterationsRejected"), s_deadline);
        await (await ConnectAsync(port)).CloseAsync();

        Write("other.txt");
        await ShellProcess.SignalAsync(process, "HUP");
        await Loopback.Eventually(() => Logged("applied to new connections"), s_deadline);
        using var other = XpraKey.FromText(OtherKeyText);
        await (await XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", port), Key = other })).CloseAsync();
        await Assert.ThrowsAsync<XpraAesException>(() => ConnectAsync(port));
        Assert.True(await first.PingAsync(s_deadline) > TimeSpan.Zero);
        await ShellProcess.SignalAsync(process, "TERM");
        Assert.Equal(0, (await ShellProcess.FinishAsync(process)).ExitCode);

        bool Logged(string text)
        {
            using var log = new StreamReader(new FileStream(_folder["gateway.log"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            return log.ReadToEnd().Contains(text, StringComparison.Ordinal);
        }
    }

    /// <summary>systemd keeps the socket while the service is started again: a client who comes meanwhile waits, and is served by the next process.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(" -Limit @{ DrainDelay = 2 }")]
    public async Task Nobody_is_refused_while_it_starts_again(string limits)
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        var port = ((IPEndPoint)listening.LocalEndPoint!).Port;
        Task<XpraConnection>? waiting = null;
        for (var start = 0; start < 2; start++)
        {
            using var process = StartWith(listening, $"Start-XpraAesListener -Port {port} -KeyData {KeyText} -WarningAction Ignore{limits} -Verbose -Wait 4>&1 | ForEach-Object {{ \"$_\" }}");
            await using var client = await (waiting ?? ConnectAsync(port));
            Assert.True(await client.PingAsync(s_deadline) > TimeSpan.Zero);
            await ShellProcess.SignalAsync(process, "TERM");
            if (limits.Length > 0)
                await (await ConnectAsync(port)).CloseAsync(); // by the one that drains
            await client.Completion.WaitAsync(s_deadline);
            var (exitCode, output, errors) = await ShellProcess.FinishAsync(process);
            Assert.Equal((0, ""), (exitCode, errors));
            Assert.Contains($"Listening on 127.0.0.1:{port}: the socket 'xpra' from systemd", output, StringComparison.Ordinal);
            waiting = ConnectAsync(port);
        }
        // The third one waits for a process that does not come.
        Assert.NotSame(waiting, await Task.WhenAny(waiting!, Task.Delay(500)));
        listening.Dispose();
        await Assert.ThrowsAsync<XpraAesException>(() => waiting!);
    }

    [Fact]
    public async Task A_socket_for_another_address_is_an_error_that_says_so()
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        var port = ((IPEndPoint)listening.LocalEndPoint!).Port;
        using var process = StartWith(listening, $"try {{ Start-XpraAesListener -Port {port} -BindAddress Any -KeyData {KeyText} -WarningAction Ignore -ErrorAction Stop }} catch {{ \"$($_.FullyQualifiedErrorId) $_\" }}; \"$env:LISTEN_FDS.\"");
        var output = (await ShellProcess.FinishAsync(process)).Output;
        Assert.StartsWith($"AddressUnavailable,", output, StringComparison.Ordinal);
        Assert.Contains($"systemd has passed the socket 127.0.0.1:{port}, but this listener is for 0.0.0.0:{port}.", output, StringComparison.Ordinal);
        Assert.EndsWith("\n.\n", output, StringComparison.Ordinal); // programs that it starts are not told of the sockets
    }

    /// <summary>Its default mode lets everyone connect, and clients of a Unix socket are taken for its owner.</summary>
    [Theory]
    [InlineData("600", true)]
    [InlineData("666", false)]
    public async Task A_Unix_socket_of_everyone_is_refused(string mode, bool isTaken)
    {
        var path = _folder["s"];
        using var listening = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listening.Bind(new UnixDomainSocketEndPoint(path));
        listening.Listen();
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32(mode, 8));
        using var process = StartWith(listening, $"try {{ $c = Connect-XpraAes 'tcp://127.0.0.1:1/' -KeyData {KeyText} -LocalSocket '{path}' -WarningAction Ignore -ErrorAction Stop; 'taken' }} catch {{ \"$($_.FullyQualifiedErrorId) $_\" }}");
        var output = (await ShellProcess.FinishAsync(process)).Output;
        if (isTaken)
            Assert.Equal("taken\n", output);
        else
            Assert.Contains("open to other users", output, StringComparison.Ordinal);
    }

    /// <summary>As systemd reads them, apart from the program, which is not installed here.</summary>
    [Fact]
    public async Task The_units_in_samples_are_correct()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "systemd-analyze is not installed.");
        foreach (var unit in new[] { "xpra-aes-gateway.service", "xpra-aes-gateway.socket" })
        {
            var text = await File.ReadAllTextAsync(Path.Combine(SharedFiles.Repository, "samples", unit));
            await File.WriteAllTextAsync(_folder[unit], text.Replace("/opt/xpra-aes/xpra-aes", "/bin/true", StringComparison.Ordinal).Replace("User=ada", $"User={Environment.UserName}", StringComparison.Ordinal));
        }
        using var analyze = Process.Start(new ProcessStartInfo("systemd-analyze", ["verify", "--man=no", _folder["xpra-aes-gateway.service"], _folder["xpra-aes-gateway.socket"]]) { RedirectStandardError = true })!;
        var errors = await analyze.StandardError.ReadToEndAsync();
        await analyze.WaitForExitAsync();
        Assert.DoesNotContain("xpra-aes-gateway", errors, StringComparison.Ordinal);
        Assert.Equal(0, analyze.ExitCode);
    }

    /// <summary>With this socket as its descriptor 3, as systemd passes it.</summary>
    private static Process StartWith(Socket listening, string command)
    {
        _ = SetDescriptorFlags((int)listening.SafeHandle.DangerousGetHandle(), 2, 0); // F_SETFD: it stays open in programs that are started
        return ShellProcess.StartUnder($"exec 3<&{listening.SafeHandle.DangerousGetHandle()}; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=xpra", "-Command", command);
    }

    private Task<XpraConnection> ConnectAsync(int port)
        => XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", port), Key = _key, Timeout = s_deadline });

    [DllImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetDescriptorFlags(int descriptor, int command, int flags);

    /// <summary>systemd's end of NOTIFY_SOCKET.</summary>
    private sealed class Systemd : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

        public Systemd(string name)
        {
            _socket.Bind(new UnixDomainSocketEndPoint(name[0] == '@' ? "\0" + name[1..] : name));
            _ = Task.Run(async () =>
            {
                var buffer = new byte[4096];
                while (true)
                    Said.Enqueue(Encoding.UTF8.GetString(buffer, 0, await _socket.ReceiveAsync(buffer)));
            });
        }

        public ConcurrentQueue<string> Said { get; } = [];

        public Task UntilAsync(string text, int times = 1)
            => Loopback.Eventually(() => Said.Count(said => said.StartsWith(text, StringComparison.Ordinal)) >= times, s_deadline, () => string.Join(" | ", Said));

        public void Dispose() => _socket.Dispose();
    }
}
