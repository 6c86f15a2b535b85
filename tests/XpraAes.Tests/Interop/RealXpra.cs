using System.Net;
using System.Net.Sockets;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Interop;

/// <summary>The installed xpra, if it is the version that these tests know, and one server for all of them.</summary>
public sealed class RealXpra : IAsyncLifetime
{
    /// <summary>Debian 12's.</summary>
    public const string Version = "3.1.3";

    private static readonly string[] s_withoutExtras =
        ["--opengl=no", "--speaker=no", "--microphone=no", "--webcam=no", "--notifications=no", "--printing=no", "--tray=no"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xpra-interop-");
    private string? _missing;
    private XpraProgram? _server;
    private int _port;

    /// <summary>The key that both sides hold.</summary>
    internal XpraKey Key { get; } = XpraKey.Generate();

    /// <summary>The working directory and home of all programs.</summary>
    internal string Folder => _folder.FullName;

    private string KeyFile => Path.Combine(_folder.FullName, "key.txt");

    public async ValueTask InitializeAsync()
    {
        Key.Save(KeyFile);
        _missing = await FindMissingAsync();
        if (_missing is null)
            (_server, _port) = await StartServerAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        Key.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>Skips the test if there is no suitable xpra.</summary>
    public void Require() => Assert.SkipWhen(_missing is not null, _missing ?? "");

    /// <summary>Connect options for the server that all tests share.</summary>
    internal ConnectOptions ServerOptions => OptionsFor(_port);

    internal ConnectOptions OptionsFor(int port) => new()
    {
        Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", port),
        Key = Key,
        Timeout = Loopback.HelloTimeout,
    };

    /// <summary>Starts a server with AES on a TCP port, and waits until it is ready.</summary>
    internal async Task<(XpraProgram Server, int Port)> StartServerAsync(bool encryptFirstPacket = false)
    {
        var port = FreePort();
        var server = await StartServerAsync(encryptFirstPacket,
            $"--bind-tcp=127.0.0.1:{port}", "--tcp-encryption=AES", $"--tcp-encryption-keyfile={KeyFile}", "--bind=none");
        return (server, port);
    }

    /// <summary>Starts a server with TLS and this certificate in PEM, with or without AES inside, and waits until it is ready.</summary>
    internal async Task<(XpraProgram Server, int Port)> StartTlsServerAsync(string certificate, bool encrypts)
    {
        var port = FreePort();
        string[] encryption = encrypts ? ["--tcp-encryption=AES", $"--tcp-encryption-keyfile={KeyFile}"] : [];
        var server = await StartServerAsync(encryptFirstPacket: false,
            [$"--bind-ssl=127.0.0.1:{port}", .. encryption, $"--ssl-cert={certificate}", "--ssl-client-verify-mode=none", "--bind=none"]);
        return (server, port);
    }

    /// <summary>Starts an unencrypted server on a Unix socket, with this program in its session, and waits until it is ready.</summary>
    internal async Task<(XpraProgram Server, string Socket)> StartClearServerAsync(string program, params string[] more)
    {
        var socket = Path.Combine(_folder.FullName, Path.GetRandomFileName());
        var server = await StartServerAsync(encryptFirstPacket: false, [$"--bind={socket}", $"--start={program}", .. more]);
        // It is ready a little later than it says.
        await Loopback.Eventually(() => File.Exists(socket));
        return (server, socket);
    }

    private async Task<XpraProgram> StartServerAsync(bool encryptFirstPacket, params string[] how)
    {
        // 3.1 reads in this variable which kinds of sockets --tcp-encryption is for: by default not those with TLS.
        var server = XpraProgram.Start(_folder.FullName, "env",
        [
            "XPRA_ENCRYPTED_SOCKET_TYPES=tcp,ws,ssl,wss", "xpra", "start", $":{FreeDisplay()}", .. how,
            "--daemon=no", "--mdns=no", "--notifications=no", "--pulseaudio=no", "--printing=no", "--systemd-run=no", "--webcam=no", "--html=off",
            "--dbus-launch=no", "--dbus-proxy=no", $"--socket-dir={_folder.FullName}",
            "--xvfb=Xvfb -screen 0 640x480x24+32 -nolisten tcp -noreset -ac +extension Composite",
        ], encryptFirstPacket);
        try
        {
            await server.WaitForAsync("xpra is ready.");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a client against an XpraAes listener: <c>xpra COMMAND ARGUMENTS tcp://127.0.0.1:PORT/ --tcp-encryption=AES ...</c></summary>
    internal XpraProgram StartClient(string command, int port, XpraKey? key = null, bool encryptFirstPacket = false, string[]? arguments = null, params string[] more)
        => StartClient("tcp", command, port, key, encryptFirstPacket, arguments, more);

    /// <summary>The same by another of xpra's schemes, such as <c>ssl</c>.</summary>
    internal XpraProgram StartClient(string scheme, string command, int port, XpraKey? key, bool encryptFirstPacket, string[]? arguments = null, params string[] more)
        => StartClient(scheme, command, port, key, encryptFirstPacket, user: "", session: "", arguments, more);

    /// <summary>The same with a user, as in <c>ada:password@</c>, and the name of a session in the URI.</summary>
    internal XpraProgram StartClient(string scheme, string command, int port, XpraKey? key, bool encryptFirstPacket, string user, string session, string[]? arguments = null, params string[] more)
    {
        var keyFile = KeyFile;
        if (key is not null)
            key.Save(keyFile = Path.Combine(_folder.FullName, Path.GetRandomFileName()));
        string[] all = [command, .. arguments ?? [], $"{scheme}://{user}127.0.0.1:{port}/{session}", "--tcp-encryption=AES", $"--tcp-encryption-keyfile={keyFile}", .. more];
        // Only the graphical client needs a display.
        return command == "attach"
            ? XpraProgram.Start(_folder.FullName, "xvfb-run", ["-a", "xpra", .. all, .. s_withoutExtras], encryptFirstPacket)
            : XpraProgram.Start(_folder.FullName, "xpra", all, encryptFirstPacket);
    }

    /// <summary>Attaches the graphical client to an XpraAes listener, on that display. Pixels come over the connection, not by shared memory.</summary>
    internal XpraProgram Attach(int port, string display) => XpraProgram.Start(_folder.FullName, "xpra",
        ["attach", $"tcp://127.0.0.1:{port}/", "--tcp-encryption=AES", $"--tcp-encryption-keyfile={KeyFile}", "--mmap=no", .. s_withoutExtras], display: display);

    /// <summary>Attaches the graphical client without encryption of its own, as <see cref="Attach"/>.</summary>
    internal XpraProgram AttachInClear(string uri, string display) => XpraProgram.Start(_folder.FullName, "xpra", ["attach", uri, "--mmap=no", .. s_withoutExtras], display: display);

    /// <summary>Starts an X server of 640 by 480 pixels, and waits for its display.</summary>
    internal async Task<XDisplay> StartDisplayAsync()
    {
        var folder = _folder.CreateSubdirectory(Path.GetRandomFileName()).FullName;
        var program = XpraProgram.Start(folder, "Xvfb", ["-displayfd", "1", "-screen", "0", "640x480x24", "-fbdir", folder, "-nolisten", "tcp", "-noreset", "-ac"]);
        try
        {
            await Loopback.Eventually(() => XDisplay.NameIn(program.Output) is not null || program.HasExited);
            return new XDisplay(program, folder);
        }
        catch
        {
            await program.DisposeAsync();
            throw;
        }
    }

    /// <summary>Skips the test if this program is not installed.</summary>
    public static void RequireProgram(string program, string package)
        => Assert.SkipWhen(FindProgram(program) is null, $"{program} is not on PATH: on Debian 12, apt-get install {package}.");

    /// <summary>The path of a file in the tests' folder.</summary>
    internal string WriteFile(string name, string content)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }

    /// <summary>Skips the test if Debian's Python, which xpra runs in, lacks what its graphical client needs.</summary>
    internal static async Task RequireGraphicsAsync()
    {
        await using var python = XpraProgram.Start(Path.GetTempPath(), "/usr/bin/python3", ["-c", "import PIL, gi._gi_cairo; print('there')"]);
        await python.WaitForExitAsync();
        Assert.SkipUnless(python.Output.Contains("there", StringComparison.Ordinal), "xpra's graphical client needs PIL and cairo: on Debian 12, apt-get install python3-pil python3-gi-cairo.");
    }

    private async Task<string?> FindMissingAsync()
    {
        foreach (var program in new[] { "xpra", "Xvfb", "xvfb-run" })
        {
            if (FindProgram(program) is null)
                return $"{program} is not on PATH: on Debian 12, apt-get install xpra xvfb xauth.";
        }
        await using var version = XpraProgram.Start(_folder.FullName, "xpra", ["--version"]);
        await version.WaitForExitAsync();
        return version.Output.Contains($"v{Version}", StringComparison.Ordinal) ? null : $"The xpra on PATH is '{version.Output}'; these tests know {Version}.";
    }

    /// <summary>The first of these programs that exists, each on PATH or at its full path; null where none does.</summary>
    internal static string? FindProgram(params string[] names)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists);
    }

    /// <summary>A port on which nothing listens, and which the system gives to nobody who asks for any: this process may take it later.</summary>
    internal static int FreePort() => FreePorts(1)[0];

    /// <summary>Several of them, no two alike.</summary>
    internal static int[] FreePorts(int count)
    {
        var ports = new HashSet<int>();
        while (ports.Count < count)
        {
            var port = Random.Shared.Next(20_000, 32_000); // those for whoever asks for any begin at 32768 on Linux
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                ports.Add(port);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Another one, then.
            }
        }
        return [.. ports];
    }

    private static int FreeDisplay()
    {
        while (true)
        {
            var display = Random.Shared.Next(1000, 30000);
            if (!File.Exists($"/tmp/.X{display}-lock") && !File.Exists($"/tmp/.X11-unix/X{display}"))
                return display;
        }
    }
}
