using System.Collections;
using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Logging;

namespace XpraAes.PowerShell.Commands;

/// <summary>Listens for xpra clients that encrypt with AES, and answers them or passes them on, in the background unless told to wait.</summary>
[Cmdlet(VerbsLifecycle.Start, "XpraAesListener", SupportsShouldProcess = true, DefaultParameterSetName = nameof(Port))]
[OutputType(typeof(AesListener))]
public sealed class StartXpraAesListenerCommand : GatewayCommand
{
    /// <summary>The TCP port; 0 takes a free one.</summary>
    [Parameter(Position = 0, ParameterSetName = nameof(Port))]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int Port { get; set; } = ProtocolDefaults.Port;

    /// <summary>Loopback, Any, IPv6Any, or an address of this machine's.</summary>
    [Parameter(ParameterSetName = nameof(Port))]
    [TextOnly]
    [ArgumentCompleter(typeof(BindAddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string BindAddress { get; set; } = nameof(IPAddress.Loopback);

    /// <summary>The AES modes to let in; CBC unless said.</summary>
    [Parameter(ParameterSetName = nameof(Port))]
    [ModeTransformation]
    [ValidateNotNullOrEmpty]
    public AesMode[] Mode { get; set; } = [AesMode.CBC];

    /// <summary>Addresses with xpra's options: 0.0.0.0:10000,encryption=AES,keyfile=key.txt,auth=file:filename=p.txt. All of them make one listener.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Bind))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] Bind { get; set; } = [];

    /// <summary>A file that the log is appended to: every step of every handshake, and why a client was refused.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? LogPath { get; set; }

    /// <summary>Addresses that the limits on strangers do not apply to, as those of a proxy behind which everyone has one address: 10.0.0.5, 10.0.0.0/8.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] TrustedSource { get; set; } = [];

    /// <summary>Limits other than the defaults, by their names: @{ UnprovenConnectionsPerSource = 32; MaxIterations = 200000; HandshakeTimeout = 20 }.</summary>
    [Parameter]
    [ValidateNotNull]
    public Hashtable Limit { get; set; } = [];

    /// <summary>A folder in which the salts of clients outlive this process, so that no recorded hello is taken again after a restart; made where it is missing.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? StatePath { get; set; }

    /// <summary>Sends clients something before they have proven the key, for those that never send a packet of their own, as xpra _monitor of 3.1.</summary>
    [Parameter]
    public SwitchParameter AllowSilentClient { get; set; }

    /// <summary>Keeps the cmdlet in the foreground until Ctrl+C, which stops the listener.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        var target = ReadTarget();
        if (target is null && AllowRequest is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-AllowRequest is given, and no -Target that requests could be sent on to.", "Give -Target too.");
        var trusted = TrustedSource.Select(ParseNetwork).ToArray();
        var limits = LimitInput.Read(Limit);
        var binds = ParameterSetName == nameof(Bind)
            ? Bind.Select(FromBind)
            : [Configure(BindAddressCompleter.Parse(BindAddress), Port, [.. Mode.Distinct()], KeyInput.Resolve(password: Password), Password)];
        ListenerOptions[] all = [.. binds.Select(bind => bind with { Target = target, AllowRequests = AllowRequest ?? [], TrustedSources = trusted, Limits = limits })];
        var whereTo = target is null ? "" : $", and pass their sessions on to {target}{(target.Keys.Count == 0 ? "" : $" in AES-{target.Mode}")}";
        if (!ShouldProcess(string.Join(", ", all.Select(bind => new IPEndPoint(bind.Address, bind.Port))), $"Listen for xpra clients: {string.Join("; ", all.Select(Describe))}{whereTo}"))
            return;
        if (Wait)
            Attend(all);
        else
            WriteObject(Listen(all, null));
    }

    private static IPNetwork ParseNetwork(string text)
    {
        if (IPAddress.TryParse(text, out var address))
            return new IPNetwork(address, 8 * address.GetAddressBytes().Length);
        return IPNetwork.TryParse(text, out var network)
            ? network
            : throw new XpraAesException(XpraErrorId.InvalidOption, $"'{text}' is no address and no network.", "-TrustedSource takes 10.0.0.5 or 10.0.0.0/8.");
    }

    private static string Describe(ListenerOptions bind)
        => $"{string.Join(", ", bind.Modes.Select(mode => $"AES-{mode}"))} with the key {bind.Key?.Fingerprint}{(bind.Password is null ? "" : " and a password")}";

    private ListenerOptions FromBind(string text)
    {
        var bind = BindOptions.Parse(text);
        Secrets.Add(bind);
        foreach (var warning in bind.Warnings)
            WarnOnce(warning);
        if (!bind.Encrypted)
            throw Refuse(bind, "there is no encryption=AES, and this listener does nothing else", "Add encryption=AES, or AES- and a mode.");
        foreach (var name in bind.Options.Keys)
            WarnOnce($"{bind}: the option {name}= means nothing to this listener.");
        RequireOnce(bind, "a key", KeyInput.IsGiven && (bind.Key is not null || bind.KeyFile is not null), "-KeyFile, -KeyData and -Key");
        RequireOnce(bind, "a password", Password is not null && bind.Auth.Count > 0, "-Credential and -PasswordFile");
        var password = Password;
        if (bind.Auth.Count > 0)
        {
            password = PasswordOf(bind);
            Secrets.Add(password);
        }
        return Configure(AddressOf(bind), bind.Port, [bind.Mode ?? AesMode.CBC], KeyInput.Resolve(bind.Key, bind.KeyFile, password), password);
    }

    private ListenerOptions Configure(IPAddress address, int port, IReadOnlyList<AesMode> modes, IReadOnlyList<XpraKey> keys, SecretBuffer? password)
    {
        Secrets.AddRange(keys);
        WarnOfFirstPacket(modes);
        if (StatePath is null)
            WarnOfStreams(modes);
        return new ListenerOptions
        {
            Address = address,
            Port = port,
            Modes = modes,
            Key = keys[0],
            OtherKeys = [.. keys.Skip(1)],
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
            EncryptFirstPacket = EncryptFirstPacket,
            Password = password,
            UserName = Credential?.UserName,
            StatePath = StatePath is null ? null : FilePath.Resolve(this, StatePath),
            AllowSilentClients = AllowSilentClient,
            AllowedOrigins = AllowOrigin ?? [],
        };
    }

    /// <summary>The password of xpra's modules file, password and env, with their own option names.</summary>
    private SecretBuffer PasswordOf(BindOptions bind)
    {
        if (bind.Auth.Count > 1)
            throw Refuse(bind, "there are several auth=, and this listener asks for one password", "Give one auth=.");
        var auth = bind.Auth[0];
        switch (auth.Module)
        {
            case "file":
                return PasswordInput.Read(this, Required(bind, auth, "filename"));
            case "password":
                return KeyText.ToUtf8(Required(bind, auth, "value"));
            case "env":
                var variable = auth.Options.GetValueOrDefault("name", "XPRA_PASSWORD");
                return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value
                    ? KeyText.ToUtf8(value)
                    : throw Refuse(bind, $"auth=env finds nothing in the environment variable {variable}", "Set it, or name another: auth=env:name=VARIABLE.");
            default:
                // What was meant for an option of the module may stand behind an equals sign.
                throw Refuse(bind, $"this listener does not have the authentication module '{auth.Module.Split('=')[0]}'", "It has auth=file:filename=PATH, auth=password:value=TEXT and auth=env:name=VARIABLE.");
        }
    }

    private static string Required(BindOptions bind, BindAuth auth, string option)
        => auth.Options.GetValueOrDefault(option) is { Length: > 0 } value ? value : throw Refuse(bind, $"auth={auth.Module} has no {option}=", $"Write auth={auth.Module}:{option}=….");

    private static IPAddress AddressOf(BindOptions bind) => bind.Host switch
    {
        "*" => Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any,
        "localhost" => IPAddress.Loopback,
        _ => IPAddress.TryParse(bind.Host, out var address)
            ? address
            : throw Refuse(bind, "the host is no address to listen on", "Write an address of this machine's, or * for all."),
    };

    private static void RequireOnce(BindOptions bind, string what, bool twice, string parameters)
    {
        if (twice)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{bind}: the bind options give {what}, and so does a parameter.", $"Take it out of the bind options, or leave {parameters} out.") { Target = $"{bind}" };
    }

    private static XpraAesException Refuse(BindOptions bind, string why, string action)
        => new(XpraErrorId.InvalidBind, $"{bind}: {why}.", action) { Target = $"{bind}" };

    private AesListener Listen(IReadOnlyList<ListenerOptions> binds, ILogger? live)
    {
        var file = LogPath is null ? null : new FileLogger(FilePath.Resolve(this, LogPath), binds[0].Limits.LogFileSize);
        ILogger log = file is null ? live ?? NullLogger.Instance : live is null ? file : new BothLoggers(live, file);
        try
        {
            var logged = binds.Select(bind => bind with { Logger = log }).ToArray();
            var listener = AesListener.Start(logged[0], logged[1..]);
            if (file is not null)
                _ = listener.Completion.ContinueWith(_ => file.Dispose(), TaskScheduler.Default);
            return listener;
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    private void Attend(IReadOnlyList<ListenerOptions> binds)
    {
        var output = NewOutput();
        var listener = Listen(binds, new PipelineLogger(output));
        try
        {
            WriteObject(listener);
            Run(output, (_, token) => listener.Completion.WaitAsync(token));
        }
        finally
        {
            // Not waited for: Ctrl+C ends the cmdlet at once, and the listener takes leave of its clients behind it.
            _ = listener.StopAsync(Limits.Default.CloseGrace);
        }
    }
}
