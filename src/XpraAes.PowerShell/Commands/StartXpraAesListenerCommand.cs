using System.Collections;
using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.PowerShell.Configuration;
using XpraAes.Management;
using XpraAes.Transports;

namespace XpraAes.PowerShell.Commands;

/// <summary>Listens for xpra clients that encrypt with AES, and answers them or forwards their sessions; in the background unless -Wait is given.</summary>
[Cmdlet(VerbsLifecycle.Start, "XpraAesListener", SupportsShouldProcess = true, DefaultParameterSetName = nameof(Port))]
[OutputType(typeof(AesListener))]
public sealed class StartXpraAesListenerCommand : GatewayCommand
{
    private ListenerConfiguration? _configuration;

    /// <summary>The TCP port; 0 takes a free one.</summary>
    [Parameter(Position = 0, ParameterSetName = nameof(Port))]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int Port { get; set; } = ProtocolDefaults.Port;

    /// <summary>Loopback, Any, IPv6Any, or an address of this machine.</summary>
    [Parameter(ParameterSetName = nameof(Port))]
    [TextOnly]
    [ArgumentCompleter(typeof(BindAddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string BindAddress { get; set; } = nameof(IPAddress.Loopback);

    /// <summary>The AES modes to accept; CBC by default.</summary>
    [Parameter(ParameterSetName = nameof(Port))]
    [ModeTransformation]
    [ValidateNotNullOrEmpty]
    public AesMode[] Mode { get; set; } = [AesMode.CBC];

    /// <summary>Addresses with xpra's bind options: 0.0.0.0:10000,encryption=AES,keyfile=key.txt,auth=file:filename=p.txt. All of them belong to one listener.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Bind))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] Bind { get; set; } = [];

    /// <summary>A file to append the log to: every step of every handshake, and why a client was refused.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? LogPath { get; set; }

    /// <summary>A file to append a line of JSON to for every client that is let in or refused, and for every session's end; or the socket of systemd's journal, /run/systemd/journal/socket.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? AuditLogPath { get; set; }

    /// <summary>Addresses of proxies, behind which all clients share one address: 10.0.0.5, 10.0.0.0/8. They are exempt from the limits on unauthenticated clients, and may send PROXY headers.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] TrustedSource { get; set; } = [];

    /// <summary>Whether trusted sources begin their connections with a PROXY header (HAProxy's send-proxy-v2), which tells the client's address.</summary>
    [Parameter]
    public ProxyProtocol ProxyProtocol { get; set; }

    /// <summary>Limits that differ from the defaults, by name: @{ UnprovenConnectionsPerSource = 32; MaxIterations = 200000; HandshakeTimeout = 20 }.</summary>
    [Parameter]
    [ValidateNotNull]
    public Hashtable Limit { get; set; } = [];

    /// <summary>A folder that keeps the clients' salts across restarts, so that a recorded hello is refused after a restart too; created if missing.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    /// <summary>Sends clients packets before they have proven the key; for clients that never send one unasked, such as xpra _monitor of 3.1.</summary>
    [Parameter]
    public SwitchParameter AllowSilentClient { get; set; }

    /// <summary>Where /healthz, /readyz, /metrics and /status are served for all listeners of this process: 127.0.0.1:9464, or the path of a Unix socket.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? ManagementAddress { get; set; }

    /// <summary>Keeps the cmdlet in the foreground until Ctrl+C, which stops the listener.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>A file with the parameters by their names, .psd1 or .json. Nothing but -Wait goes along.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(ConfigurationPath))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? ConfigurationPath { get; set; }

    /// <inheritdoc/>
    protected override void Start()
    {
        if (ConfigurationPath is not null)
            Load(ConfigurationPath);
        Masked(() =>
        {
            Prepare();
            return true;
        });
    }

    /// <inheritdoc/>
    protected override void Process()
    {
        var all = Masked(ReadOptions);
        var management = Masked(ReadManagementAddress);
        var forwarding = all[0].IsGateway ? $", and forward their sessions to {Describe(all[0].Target, all[0].Routes)}" : "";
        if (!ShouldProcess(string.Join(", ", all.Select(bind => new IPEndPoint(bind.Address, bind.Port))), $"Listen for xpra clients: {string.Join("; ", all.Select(Describe))}{forwarding}"))
            return;
        if (Wait)
            RunInForeground(all, management);
        else
            WriteObject(Masked(() => Listen(all, management, null)));
    }

    /// <summary>Reads the password and checks the parameters, before <see cref="ReadOptions"/>.</summary>
    internal void Prepare() => base.Start();

    /// <summary>The files and addresses that belong to the listener as a whole and stay until it is stopped.</summary>
    internal ListenerFiles Files => new(Full(LogPath), Full(AuditLogPath), ManagementAddress);

    /// <summary>The options of each address. Throws InvalidOption and the errors of the files that the parameters name.</summary>
    internal ListenerOptions[] ReadOptions()
    {
        var (target, routes) = Target is null ? (null, []) : TargetInput.Read(Target);
        if (Target is null && AllowRequest is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-AllowRequest requires -Target.", "Give -Target too.");
        var common = new ListenerOptions
        {
            Key = null,
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
            EncryptFirstPacket = EncryptFirstPacket,
            Password = Password,
            UserName = Credential?.UserName,
            Target = target,
            Routes = routes,
            AllowRequests = AllowRequest ?? [],
            AllowedOrigins = AllowOrigin ?? [],
            AllowSilentClients = AllowSilentClient,
            Transports = Transport ?? [],
            Certificate = ReadCertificate(),
            WebRoot = ReadWebRoot(),
            StatePath = Full(StatePath),
            TrustedSources = [.. TrustedSource.Select(ParseNetwork)],
            ProxyProtocol = ProxyProtocol,
            Limits = LimitInput.Read(Limit, WarnOnce),
        };
        ListenerOptions[] all = Bind.Length > 0 ? [.. Bind.Select(NewBindReader(common).Read)] : [ReadParameters(common)];
        if (WebRoot is null && common.IsGateway && Listening.WebRoot.Known.FirstOrDefault(Directory.Exists) is { } pages)
            all = [.. all.Select(bind => bind.Certificate is null ? bind : bind with { WebRoot = pages })];
        if (ProxyProtocol == ProxyProtocol.Optional)
            WarnOnce("With -ProxyProtocol Optional, a client that a trusted source passes on without a PROXY header can begin with one of its own, and so have any address. Use Required unless every trusted source adds the header or lets no strangers in.");
        foreach (var bind in all)
        {
            WarnAboutFirstPacket(bind.Modes);
            if (StatePath is null)
                WarnAboutKeystreams(bind.Modes);
        }
        WarnAboutTargets(all, []);
        return all;
    }

    private string? Full(string? path) => path is null ? null : FilePath.Resolve(this, path);

    private void Load(string path)
    {
        ListenerConfiguration.RequireAlone(MyInvocation, nameof(Wait));
        _configuration = ListenerConfiguration.Read(FilePath.Resolve(this, path));
        WarningSink = text => WriteWarning(_configuration.Mask(text));
        _configuration.RequireNoErrors(WarnOnce);
        _configuration.ApplyTo(this);
        ConfigurationPath = _configuration.Path;
    }

    private T Masked<T>(Func<T> read) => _configuration is null ? read() : _configuration.Masked(read);

    /// <summary>Applies the changed file, all of it or nothing; what is wrong is in the log.</summary>
    private void Reload(AesListener listener)
    {
        var log = listener.Options.Logger;
        try
        {
            ListenerConfiguration.Read(ConfigurationPath!).Replace(listener, this, text => Log.ConfigurationWarning(log, ConfigurationPath!, text));
            Log.ConfigurationApplied(log, ConfigurationPath!);
        }
        catch (XpraAesException e)
        {
            Log.ConfigurationRefused(log, ConfigurationPath!, e.Id, e.Message);
        }
    }

    private static IPNetwork ParseNetwork(string text)
    {
        if (IPAddress.TryParse(text, out var address))
            return new IPNetwork(address, 8 * address.GetAddressBytes().Length);
        return IPNetwork.TryParse(text, out var network)
            ? network
            : throw new XpraAesException(XpraErrorId.InvalidOption, $"'{text}' is neither an address nor a network.", "-TrustedSource takes 10.0.0.5 or 10.0.0.0/8.");
    }

    private static string Describe(ListenerOptions bind)
        => $"{string.Join(", ", bind.Modes.Select(mode => $"AES-{mode}"))} with the key {bind.Key?.Fingerprint}{(bind.Password is null ? "" : " and a password")}{(bind.Certificate is null ? "" : $", over TLS with the certificate of {bind.Certificate.Subject} too")}";

    private BindReader NewBindReader(ListenerOptions common) => new()
    {
        Common = common,
        HasKey = KeyInput.IsGiven,
        ResolveKeys = KeyInput.Resolve,
        ReadPasswordFile = path => PasswordInput.Read(this, path),
        ReadCertificate = (path, keyFile, password) => CertificateInput.Read(this, path, keyFile, password),
        Warn = WarnOnce,
        Secrets = Secrets,
    };

    private ListenerOptions ReadParameters(ListenerOptions common)
    {
        var keys = KeyInput.Resolve(password: Password);
        Secrets.AddRange(keys);
        return common with { Address = BindAddressCompleter.Parse(BindAddress), Port = Port, Modes = [.. Mode.Distinct()], Key = keys[0], OtherKeys = [.. keys.Skip(1)] };
    }

    private ManagementAddress? ReadManagementAddress()
    {
        if (ManagementAddress is null)
            return null;
        var address = Management.ManagementAddress.Parse(ManagementAddress, path => FilePath.Resolve(this, path));
        if (address.IsOpenToOthers)
            WarnOnce($"Everyone who reaches {address} can read the metrics there, which name no client but tell how busy this machine is. Bind it to loopback or a Unix socket, or let a firewall pass only those who watch it.");
        return address;
    }

    private AesListener Listen(ListenerOptions[] binds, ManagementAddress? management, ILogger? live)
    {
        var files = Files;
        var file = files.LogPath is null ? null : new FileLogger(files.LogPath, binds[0].Limits.LogFileSize);
        ILogger log = file is null ? live ?? NullLogger.Instance : live is null ? file : new BothLoggers(live, file);
        AuditLog? audit = null;
        try
        {
            if (files.AuditLogPath is not null)
            {
                audit = new AuditLog(files.AuditLogPath, log);
                log = new BothLoggers(log, audit);
            }
            var logged = binds.Select(bind => bind with { Logger = log }).ToArray();
            using var lease = ManagementService.Open(management, log);
            var listener = AesListener.Start(logged[0], logged[1..]);
            listener.Files = files;
            lease?.Attach(listener);
            if (file is not null || audit is not null)
            {
                _ = listener.Completion.ContinueWith(_ =>
                {
                    audit?.Dispose();
                    file?.Dispose();
                }, TaskScheduler.Default);
            }
            return listener;
        }
        catch
        {
            audit?.Dispose();
            file?.Dispose();
            throw;
        }
    }

    private void RunInForeground(ListenerOptions[] binds, ManagementAddress? management)
    {
        var output = NewOutput();
        var listener = Masked(() => Listen(binds, management, new PipelineLogger(output)));
        using var systemd = SystemdNotifier.Start(listener, Environment.GetEnvironmentVariable);
        ModuleLifetime.SignalReceived += Receive;
        try
        {
            WriteObject(listener);
            Run(output, (_, token) => listener.Completion.WaitAsync(token));
        }
        finally
        {
            ModuleLifetime.SignalReceived -= Receive;
            // Not awaited: Ctrl+C ends the cmdlet at once, while the listener still sends its disconnect packets.
            _ = listener.StopAsync(Limits.Default.CloseGrace);
        }

        // With a terminal, SIGHUP is its end, and this process's too.
        bool Receive(PosixSignal signal)
        {
            if (signal != PosixSignal.SIGTERM)
            {
                if (!OperatingSystem.IsLinux() || HasTerminal())
                    return false;
                if (ConfigurationPath is not null)
                    _ = Task.Run(() => Reload(listener));
                return true;
            }
            var limits = binds[0].Limits;
            _ = listener.StopAsync(limits.CloseGrace, limits.DrainTime, limits.DrainDelay);
            systemd?.Stopping(limits.DrainDelay + limits.DrainTime + limits.CloseGrace);
            return true;
        }
    }

    /// <summary>Whether this process belongs to a terminal.</summary>
    private static bool HasTerminal()
    {
        try
        {
            using var terminal = File.OpenHandle("/dev/tty");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
