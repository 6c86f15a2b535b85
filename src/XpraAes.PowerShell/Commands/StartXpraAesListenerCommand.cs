using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Listening;

namespace XpraAes.PowerShell.Commands;

/// <summary>Listens for xpra clients that encrypt with AES, in the background unless told to wait.</summary>
[Cmdlet(VerbsLifecycle.Start, "XpraAesListener", SupportsShouldProcess = true, DefaultParameterSetName = nameof(Port))]
[OutputType(typeof(AesListener))]
public sealed class StartXpraAesListenerCommand : EncryptionCommand
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

    /// <summary>The AES modes to let in; any unless said.</summary>
    [Parameter(ParameterSetName = nameof(Port))]
    [ModeTransformation]
    [ValidateNotNullOrEmpty]
    public AesMode[] Mode { get; set; } = Enum.GetValues<AesMode>();

    /// <summary>Addresses with xpra's options: 0.0.0.0:10000,encryption=AES,keyfile=key.txt,auth=file:filename=p.txt. All of them make one listener.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Bind))]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] Bind { get; set; } = [];

    /// <summary>Keeps the cmdlet in the foreground until Ctrl+C, which stops the listener.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        var binds = new List<ListenerOptions>();
        var secrets = new List<IDisposable>();
        try
        {
            if (ParameterSetName == nameof(Bind))
                binds.AddRange(Bind.Select(text => FromBind(text, secrets)));
            else
                binds.Add(Configure(BindAddressCompleter.Parse(BindAddress), Port, [.. Mode.Distinct()], ResolveKey(password: Password), Password, secrets));
            if (!ShouldProcess(string.Join(", ", binds.Select(bind => new IPEndPoint(bind.Address, bind.Port))), $"Listen for xpra clients: {string.Join("; ", binds.Select(Describe))}"))
                return;
            Serve(AesListener.Start(binds[0], [.. binds.Skip(1)]));
        }
        finally
        {
            // The listener has its own.
            foreach (var secret in secrets)
                secret.Dispose();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Password?.Dispose();
        base.Dispose(disposing);
    }

    private static string Describe(ListenerOptions bind)
        => $"{string.Join(", ", bind.Modes.Select(mode => $"AES-{mode}"))} with the key {bind.Key?.Fingerprint}{(bind.Password is null ? "" : " and a password")}";

    private ListenerOptions FromBind(string text, List<IDisposable> secrets)
    {
        var bind = BindOptions.Parse(text);
        secrets.Add(bind);
        foreach (var warning in bind.Warnings)
            WarnOnce(warning);
        if (!bind.Encrypted)
            throw Refuse(bind, "there is no encryption=AES, and this listener does nothing else", "Add encryption=AES, or AES- and a mode.");
        foreach (var name in bind.Options.Keys)
            WarnOnce($"{bind}: the option {name}= means nothing to this listener.");
        RequireOnce(bind, "a key", IsKeyGiven && (bind.Key is not null || bind.KeyFile is not null), "-KeyFile, -KeyData and -Key");
        RequireOnce(bind, "a password", Password is not null && bind.Auth.Count > 0, "-Credential and -PasswordFile");
        var password = Password;
        if (bind.Auth.Count > 0)
        {
            password = PasswordOf(bind);
            secrets.Add(password);
        }
        IReadOnlyList<AesMode> modes = bind.Mode is { } mode ? [mode] : Enum.GetValues<AesMode>();
        return Configure(AddressOf(bind), bind.Port, modes, ResolveKey(bind.Key, bind.KeyFile, password), password, secrets);
    }

    private ListenerOptions Configure(IPAddress address, int port, IReadOnlyList<AesMode> modes, XpraKey key, SecretBuffer? password, List<IDisposable> secrets)
    {
        secrets.Add(key);
        WarnOfFirstPacket(modes);
        return new ListenerOptions
        {
            Address = address,
            Port = port,
            Modes = modes,
            Key = key,
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
            EncryptFirstPacket = EncryptFirstPacket,
            Password = password,
            UserName = Credential?.UserName,
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
                return ReadPasswordFile(Required(bind, auth, "filename"));
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

    private void Serve(AesListener listener)
    {
        if (Wait)
            Attend(listener);
        else
            WriteObject(listener);
    }

    private void Attend(AesListener listener)
    {
        try
        {
            WriteObject(listener);
            Run((_, token) => listener.Completion.WaitAsync(token));
        }
        finally
        {
            // Not waited for: Ctrl+C ends the cmdlet at once, and the listener takes leave of its clients behind it.
            _ = listener.StopAsync(Limits.Default.CloseGrace);
        }
    }
}
