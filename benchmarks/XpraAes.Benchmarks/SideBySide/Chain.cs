using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;
using XpraAes.Keys;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>
/// What is between a client and an unencrypted target: nothing; two programs with encryption between them, so that the ends are the same
/// for everything that is compared and do not encrypt; or one program, and a client that encrypts itself.
/// </summary>
internal sealed class Chain : IDisposable
{
    private readonly string? _folder;
    private readonly int _port;
    private readonly Func<Socket, ILink> _open;

    private Chain(string name, Peer near, Peer far, string folder)
        : this(name, near.Port, near, far, folder)
    {
    }

    private Chain(string name, int port, Peer? near = null, Peer? far = null, string? folder = null, Func<Socket, ILink>? open = null)
    {
        Name = name;
        _port = port;
        _open = open ?? StreamLink.InClear;
        Near = near;
        Far = far;
        _folder = folder;
    }

    public string Name { get; }

    /// <summary>The program beside the client; null if the client encrypts itself.</summary>
    public Peer? Near { get; }

    /// <summary>The program beside the target, which would run on the server.</summary>
    public Peer? Far { get; }

    /// <summary>Processor time of both programs so far, in seconds.</summary>
    public double ProcessorTime => (Near?.ProcessorTime ?? 0) + (Far?.ProcessorTime ?? 0);

    public static Chain Direct(int target) => new("no gateway", target);

    /// <summary>Our local end and our gateway.</summary>
    public static Chain OfGateways(AesMode mode, int target, int iterations = ProtocolDefaults.Iterations)
    {
        var key = RandomNumberGenerator.GetHexString(64);
        var far = Peer.StartHost($"gateway --target {target} --key {key} --iterations {iterations}");
        var near = Peer.StartHost($"gateway --target {far.Port} --target-key {key} --mode {mode} --iterations {iterations}");
        return new Chain(mode.ToString(), near.Port, near, far);
    }

    /// <summary>The same two with TLS 1.3 and the key between them, with AES-256-GCM as everywhere, or with AES-128-GCM as stunnel.</summary>
    public static Chain OfSealedGateways(int target, int keySize = 256, string? key = null)
    {
        key ??= RandomNumberGenerator.GetHexString(64);
        var far = Peer.StartHost($"gateway --target {target} --key {key} --transport TlsPsk --suite {keySize}");
        var near = SealingGateway(far.Port, key);
        return new Chain($"tls-psk, AES-{keySize}", near.Port, near, far);
    }

    /// <summary>Our gateway with <c>tls-psk</c> to a listener that is there, with <see cref="BenchmarkKeyText"/>.</summary>
    public static Chain OfSealedGatewayTo(Peer listener)
    {
        var near = SealingGateway(listener.Port, BenchmarkKeyText);
        return new Chain("tls-psk", near.Port, near);
    }

    private static Peer SealingGateway(int target, string key) => Peer.StartHost($"gateway --target {target} --target-key {key} --target-transport TlsPsk");

    /// <summary>Our gateway alone, for a client that uses AES itself.</summary>
    public static Chain OfGateway(AesMode mode, int target)
    {
        var text = RandomNumberGenerator.GetHexString(64);
        var far = Peer.StartHost($"gateway --target {target} --key {text}");
        var key = XpraKey.FromText(text);
        return new Chain(mode.ToString(), far.Port, far: far, open: socket => new AesLink(socket, key, mode));
    }

    /// <summary>Our gateway as a browser uses it: over wss with AES inside, and with the pages of that folder.</summary>
    public static Chain OfBrowserGateway(AesMode mode, int target, string pages)
    {
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        WriteCertificate(Path.Combine(folder, "server.pem"));
        var text = RandomNumberGenerator.GetHexString(64);
        var far = Peer.StartHost($"gateway --target {target} --key {text} --certificate {folder}/server.pem --pages {pages}");
        var key = XpraKey.FromText(text);
        return new Chain("wss", far.Port, far: far, folder: folder, open: socket => AesLink.OverWebSocketTls(socket, key, mode));
    }

    /// <summary>nginx with the files of that folder over TLS 1.3, a worker for each processor. Null if it is not installed.</summary>
    public static Chain? OfNginx(string pages)
    {
        if (Tools.Find("nginx") is not { } nginx)
            return null;
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        WriteCertificate(Path.Combine(folder, "server.pem"));
        var port = FreePort();
        File.WriteAllText(Path.Combine(folder, "nginx.conf"), $$"""
            daemon off;
            pid {{folder}}/pid;
            error_log {{folder}}/error;
            worker_processes auto;
            events { }
            http {
                access_log off;
                sendfile on;
                tcp_nopush on;
                keepalive_requests 100000000;
                client_body_temp_path {{folder}}/body;
                proxy_temp_path {{folder}}/proxy;
                fastcgi_temp_path {{folder}}/fastcgi;
                uwsgi_temp_path {{folder}}/uwsgi;
                scgi_temp_path {{folder}}/scgi;
                server {
                    listen 127.0.0.1:{{port}} ssl;
                    ssl_certificate {{folder}}/server.pem;
                    ssl_certificate_key {{folder}}/server.pem;
                    ssl_protocols TLSv1.3;
                    root {{pages}};
                }
            }

            """);
        return new Chain("nginx", port, far: Started($"{nginx} -c {folder}/nginx.conf -e {folder}/error", port), folder: folder);
    }

    /// <summary>The same two without any cipher.</summary>
    public static Chain OfPlainRelays(int target)
    {
        var far = Peer.StartHost($"relay --target {target}");
        var near = Peer.StartHost($"relay --target {far.Port}");
        return new Chain("plain", near.Port, near, far);
    }

    /// <summary>The least that a relay in .NET needs, at both ends.</summary>
    public static Chain OfBareRelays(int target)
    {
        var far = Peer.StartHost($"bare-relay --target {target}");
        var near = Peer.StartHost($"bare-relay --target {far.Port}");
        return new Chain("bare relay", near.Port, near, far);
    }

    /// <summary>stunnel as client and server with TLS 1.3 and AES-256-GCM between them, or only as server, for a client that uses TLS itself. Null if stunnel is not installed.</summary>
    public static Chain? OfStunnel(int target, bool both = true)
    {
        if (Tools.Find("stunnel4") is not { } stunnel)
            return null;
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        WriteCertificate(Path.Combine(folder, "server.pem"));
        var far = StartStunnel(stunnel, Path.Combine(folder, "far"), target, $"cert = {folder}/server.pem");
        if (!both)
            return new Chain("stunnel", far.Port, far: far, folder: folder, open: StreamLink.OverTls);
        var near = StartStunnel(stunnel, Path.Combine(folder, "near"), far.Port, "client = yes");
        return new Chain("stunnel", near.Port, near, far, folder);
    }

    /// <summary>stunnel as client and server with TLS 1.3, a pre-shared key and AES-128-GCM, the only suite with AES that its keys go with. Null if stunnel is not installed.</summary>
    public static Chain? OfStunnelWithKey(int target)
    {
        if (Tools.Find("stunnel4") is not { } stunnel)
            return null;
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        var secrets = TlsPskSecrets.Of(BenchmarkKey).Sha256;
        File.WriteAllText(Path.Combine(folder, "psk"), $"{secrets.Identity}:{Convert.ToHexString(secrets.Key.Span)}\n");
        var psk = $"PSKsecrets = {folder}/psk";
        var far = StartStunnel(stunnel, Path.Combine(folder, "far"), target, $"{psk}\nciphers = PSK", "TLS_AES_128_GCM_SHA256");
        var near = StartStunnel(stunnel, Path.Combine(folder, "near"), far.Port, $"client = yes\n{psk}", "TLS_AES_128_GCM_SHA256");
        return new Chain("stunnel with PSK", near.Port, near, far, folder);
    }

    /// <summary>spiped at both ends: a protocol of its own with AES-256-CTR, HMAC-SHA256 and a key file. Null if it is not installed.</summary>
    public static Chain? OfSpiped(int target)
    {
        if (Tools.Find("spiped") is not { } spiped)
            return null;
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        File.WriteAllText(Path.Combine(folder, "key"), RandomNumberGenerator.GetHexString(64));
        var (far, near) = (FreePort(), FreePort());
        Peer Start(string role, int port, int to) => Started($"{spiped} -F {role} -s [127.0.0.1]:{port} -t [127.0.0.1]:{to} -k {folder}/key", port);
        return new Chain("spiped", near, far: Start("-d", far, target), near: Start("-e", near, far), folder: folder);
    }

    /// <summary>HAProxy at both ends, which relays TCP and encrypts nothing. Null if it is not installed.</summary>
    public static Chain? OfHaproxy(int target)
    {
        if (Tools.Find("haproxy") is not { } haproxy)
            return null;
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        Peer Start(string name, int to)
        {
            var port = FreePort();
            File.WriteAllText(Path.Combine(folder, name), $"""
                global
                    maxconn 1000
                defaults
                    mode tcp
                    timeout connect 5s
                    timeout client 1h
                    timeout server 1h
                listen relay
                    bind 127.0.0.1:{port}
                    server target 127.0.0.1:{to}

                """);
            return Started($"{haproxy} -db -f {folder}/{name}", port);
        }
        var far = Start("far", target);
        return new Chain("HAProxy", Start("near", far.Port), far, folder);
    }

    /// <summary>The key of chains that a benchmark's own client connects to.</summary>
    public static XpraKey BenchmarkKey { get; } = XpraKey.FromText(BenchmarkKeyText);

    /// <summary>The text of <see cref="BenchmarkKey"/>.</summary>
    public const string BenchmarkKeyText = "0123456789abcdef0123456789abcdef";

    /// <summary>Connects a client to the near end.</summary>
    public LoadClient Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, _port);
        return new LoadClient(_open(socket));
    }

    public void Dispose()
    {
        Near?.Dispose();
        Far?.Dispose();
        if (_folder is not null)
            Directory.Delete(_folder, recursive: true);
    }

    private static Peer StartStunnel(string stunnel, string path, int target, string role, string suite = "TLS_AES_256_GCM_SHA384")
    {
        var port = FreePort();
        File.WriteAllText(path, $"""
            foreground = yes
            pid =
            syslog = no
            debug = crit
            [tunnel]
            accept = 127.0.0.1:{port}
            connect = 127.0.0.1:{target}
            sslVersion = TLSv1.3
            ciphersuites = {suite}
            {role}

            """);
        return Started($"{stunnel} {path}", port);
    }

    private static Peer Started(string command, int port)
    {
        var peer = Peer.StartProgram(command, port);
        for (var attempt = 0; !IsListening(port); attempt++)
        {
            if (attempt == 500)
                throw new InvalidOperationException($"{command} does not listen.");
            Thread.Sleep(10);
        }
        return peer;
    }

    private static void WriteCertificate(string path)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(path, $"{key.ExportPkcs8PrivateKeyPem()}\n{certificate.ExportCertificatePem()}\n");
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    // Checked without connecting, since a connection would be forwarded to the target.
    private static bool IsListening(int port)
        => System.Net.NetworkInformation.IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port);
}
