using System.Net;
using System.Net.Sockets;
using XpraAes.Ciphers;
using XpraAes.Keys;

namespace XpraAes.Listening;

/// <summary>Turns xpra's bind options into listener options: address, modes, keys and password.</summary>
internal sealed class BindReader
{
    /// <summary>The options shared by all binds. A password here conflicts with <c>auth=</c> in the bind options.</summary>
    public required ListenerOptions Common { get; init; }

    /// <summary>Whether the caller has a key for every bind, which conflicts with a key in the bind options.</summary>
    public bool HasKey { get; init; }

    /// <summary>Resolves the keys for a bind, at least one: from its <c>keydata=</c>, its <c>keyfile=</c>, its password, or the caller. They are added to <see cref="Secrets"/>.</summary>
    public required Func<XpraKey?, string?, SecretBuffer?, IReadOnlyList<XpraKey>> ResolveKeys { get; init; }

    /// <summary>Reads the password from a file; a relative path is relative to the caller's location.</summary>
    public required Func<string, SecretBuffer> ReadPasswordFile { get; init; }

    /// <summary>Reads a certificate: from its path, its key's path and the password of that. It is added to <see cref="Secrets"/>.</summary>
    public required Func<string, string?, SecretBuffer?, ServerCertificate> ReadCertificate { get; init; }

    /// <summary>Called with a warning for each option that probably means something else than intended.</summary>
    public required Action<string> Warn { get; init; }

    /// <summary>Collects the secrets to dispose of once the listener, which copies them, is running.</summary>
    public required ICollection<IDisposable> Secrets { get; init; }

    /// <summary>Reads one bind.</summary>
    /// <exception cref="XpraAesException">InvalidBind, InvalidOption, KeyTextInvalid; those of the caller's functions.</exception>
    public ListenerOptions Read(string text)
    {
        var bind = BindOptions.Parse(text);
        Secrets.Add(bind);
        foreach (var warning in bind.Warnings)
            Warn(warning);
        if (!bind.Encrypted)
            throw Error(bind, "encryption=AES is missing, and this listener accepts only encrypted clients", "Add encryption=AES, or AES- and a mode.");
        foreach (var name in bind.Options.Keys)
            Warn($"{bind}: the option {name}= has no effect on this listener.");
        RequireOnce(bind, "a key", HasKey && (bind.Key is not null || bind.KeyFile is not null), "-KeyFile, -KeyData and -Key");
        RequireOnce(bind, "a password", Common.Password is not null && bind.Auth.Count > 0, "-Credential and -PasswordFile");
        RequireOnce(bind, "a certificate", Common.Certificate is not null && bind.Certificate is not null, "-Certificate");
        var address = AddressOf(bind);
        var certificate = Common.Certificate;
        if (bind.Certificate is not null)
        {
            certificate = ReadCertificate(bind.Certificate, bind.CertificateKey, bind.CertificatePassword);
            Secrets.Add(certificate);
        }
        var password = Common.Password;
        if (bind.Auth.Count > 0)
        {
            password = PasswordOf(bind);
            Secrets.Add(password);
        }
        var keys = ResolveKeys(bind.Key, bind.KeyFile, password);
        foreach (var key in keys)
            Secrets.Add(key);
        return Common with
        {
            Address = address,
            Port = bind.Port,
            Modes = [bind.Mode ?? AesMode.CBC],
            Key = keys[0],
            OtherKeys = [.. keys.Skip(1)],
            Password = password,
            Certificate = certificate,
        };
    }

    private static IPAddress AddressOf(BindOptions bind) => bind.Host switch
    {
        "*" => Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any,
        "localhost" => IPAddress.Loopback,
        _ => IPAddress.TryParse(bind.Host, out var address)
            ? address
            : throw Error(bind, "the host is not an address to listen on", "Give an address of this machine, or * for all."),
    };

    /// <summary>The password of one of xpra's modules file, password and env.</summary>
    private SecretBuffer PasswordOf(BindOptions bind)
    {
        if (bind.Auth.Count > 1)
            throw Error(bind, "there is more than one auth=, but this listener supports only one password", "Give one auth=.");
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
                    : throw Error(bind, $"auth=env reads the environment variable {variable}, which is empty or not set", "Set it, or name another: auth=env:name=VARIABLE.");
            default:
                // What follows an equals sign may be a secret.
                throw Error(bind, $"this listener does not support the authentication module '{auth.Module.Split('=')[0]}'", "It supports auth=file:filename=PATH, auth=password:value=TEXT and auth=env:name=VARIABLE.");
        }
    }

    private static string Required(BindOptions bind, BindAuth auth, string option)
        => auth.Options.GetValueOrDefault(option) is { Length: > 0 } value ? value : throw Error(bind, $"auth={auth.Module} has no {option}=", $"Write auth={auth.Module}:{option}=….");

    private static void RequireOnce(BindOptions bind, string what, bool twice, string parameters)
    {
        if (twice)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{bind}: both the bind options and a parameter give {what}.", $"Remove it from the bind options, or omit {parameters}.") { Target = $"{bind}" };
    }

    private static XpraAesException Error(BindOptions bind, string why, string action)
        => new(XpraErrorId.InvalidBind, $"{bind}: {why}.", action) { Target = $"{bind}" };
}
