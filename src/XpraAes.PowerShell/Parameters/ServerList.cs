using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>The servers that a cmdlet was given, each with its key and its password. Disposing of it disposes of these.</summary>
internal sealed class ServerList(XpraCmdlet cmdlet, PSCredential? credential, SecretBuffer? password) : IDisposable
{
    private readonly List<ConnectOptions> _servers = [];
    private readonly List<IDisposable> _secrets = password is null ? [] : [password];
    private readonly Dictionary<(string? File, string? Data), IReadOnlyList<XpraKey>> _keys = [];

    /// <summary>Whether the password is the key too.</summary>
    public bool PasswordAsKey { get; init; }

    /// <summary>The servers in the order in which they were given.</summary>
    public IReadOnlyList<ConnectOptions> Servers => _servers;

    /// <summary>Adds a server by name; port 0 is xpra's own. Throws what <see cref="KeySelection.Resolve"/> does, with the server as target.</summary>
    public void AddHost(string host, int port, AesMode? mode, KeyInput key)
        => Add(key, new XpraEndpoint(TransportKind.Tcp, host, port == 0 ? ProtocolDefaults.Port : port), mode, credential?.UserName, password);

    /// <summary>Adds a server by URI. Throws InvalidUri, InvalidOption where URI and parameters contradict each other, and as <see cref="AddHost"/>.</summary>
    public void AddUri(string text, AesMode? mode, KeyInput key)
    {
        var uri = XpraUri.Parse(text);
        _secrets.Add(uri);
        foreach (var warning in uri.Warnings)
            cmdlet.WarnOnce(warning);
        // What is said twice in different words is a mistake, and a wrong guess would cost secrecy.
        RequireOnce(uri, "a mode", uri.Encryption is { } asked && asked != (mode ?? asked), "-Mode");
        RequireOnce(uri, "a key", key.IsGiven && (uri.Key is not null || uri.KeyFile is not null), "-KeyFile, -KeyData and -Key");
        RequireOnce(uri, "a password", password is not null && uri.Password is not null, "-Credential and -PasswordFile");
        RequireOnce(uri, "a user", uri.UserName is { } user && user != (credential?.UserName ?? user), "-Credential");
        Add(key, uri.Endpoint, uri.Encryption ?? mode, uri.UserName ?? credential?.UserName, uri.Password ?? password, uri.Key, uri.KeyFile);
    }

    /// <summary>Works on the servers, so many at once, off the pipeline thread. An <see cref="XpraAesException"/> of one becomes an error record, and the others go on.</summary>
    /// <param name="atOnce">How many at once.</param>
    /// <param name="output">Where errors and the log go.</param>
    /// <param name="work">What is done with one server.</param>
    /// <param name="done">Called after each, whatever came of it; null for nothing.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task ForEachAsync(int atOnce, PipelineOutput output, Func<ConnectOptions, CancellationToken, Task> work, Action? done, CancellationToken cancellationToken)
    {
        var log = new PipelineLogger(output);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(_servers, parallel, async (server, token) =>
        {
            try
            {
                await work(server with { Logger = log }, token);
            }
            catch (XpraAesException e)
            {
                output.WriteError(e);
            }
            done?.Invoke();
        });
    }

    public void Dispose()
    {
        foreach (var secret in _secrets)
            secret.Dispose();
    }

    private static void RequireOnce(XpraUri uri, string what, bool twice, string parameters)
    {
        if (twice)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{uri.Endpoint}: the URI gives {what}, and so does a parameter.", $"Take it out of the URI, or leave {parameters} out.") { Target = $"{uri.Endpoint}" };
    }

    private void Add(KeyInput key, XpraEndpoint endpoint, AesMode? mode, string? userName, SecretBuffer? serverPassword, XpraKey? uriKey = null, string? uriKeyFile = null)
    {
        IReadOnlyList<XpraKey> keys;
        try
        {
            keys = PasswordAsKey ? KeyOf(key, serverPassword, uriKey is not null || uriKeyFile is not null) : KeysFor(key, uriKey, uriKeyFile);
        }
        catch (XpraAesException e)
        {
            throw new XpraAesException(e.Id, $"{endpoint}: {e.Message}", e.RecommendedAction, e) { Target = $"{endpoint}" };
        }
        _servers.Add(new ConnectOptions
        {
            Endpoint = endpoint,
            Key = keys[0],
            OtherKeys = [.. keys.Skip(1)],
            Mode = mode ?? AesMode.CBC,
            // As every client of xpra's own does: servers from 6.1 on refuse a password without a name.
            UserName = userName ?? (serverPassword is null ? null : Environment.UserName),
            Password = serverPassword,
        });
    }

    /// <summary>One key for all the servers that name the same one: it is read, and its fingerprint computed, once.</summary>
    private IReadOnlyList<XpraKey> KeysFor(KeyInput input, XpraKey? uriKey, string? uriKeyFile)
    {
        var name = (uriKeyFile ?? (input.KeyFile is null ? null : string.Join('\n', input.KeyFile)), input.KeyData);
        if (uriKey is null && _keys.TryGetValue(name, out var known))
            return known;
        var keys = input.Resolve(uriKey, uriKeyFile);
        _secrets.AddRange(keys);
        foreach (var key in keys)
            _ = key.Fingerprint;
        if (uriKey is null)
            _keys[name] = keys;
        return keys;
    }

    /// <summary>Only where it is asked for: what such a key encrypts can be guessed at offline.</summary>
    private IReadOnlyList<XpraKey> KeyOf(KeyInput input, SecretBuffer? serverPassword, bool uriHasKey)
    {
        if (uriHasKey || input.IsGiven)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-PasswordAsKey is given, and a key too.", "Leave one of them out.");
        if (serverPassword is null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-PasswordAsKey is given, and no password.", "Give -Credential or -PasswordFile too.");
        using var passwordKey = XpraKey.FromPassword(serverPassword.Span);
        var keys = input.Resolve(passwordKey);
        _secrets.AddRange(keys);
        return keys;
    }
}
