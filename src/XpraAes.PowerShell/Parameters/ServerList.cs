using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>The servers given to a cmdlet, each with its key and password, which it owns.</summary>
internal sealed class ServerList(XpraCmdlet cmdlet, PSCredential? credential, SecretBuffer? password) : IDisposable
{
    private readonly List<ConnectOptions> _servers = [];
    private readonly List<IDisposable> _secrets = password is null ? [] : [password];
    private readonly Dictionary<(string? File, string? Data), IReadOnlyList<XpraKey>> _keys = [];

    /// <summary>Whether the password is also the key.</summary>
    public bool PasswordAsKey { get; init; }

    /// <summary>The servers in the order given.</summary>
    public IReadOnlyList<ConnectOptions> Servers => _servers;

    /// <summary>Adds a server by host name; port 0 means xpra's default. Throws as <see cref="KeySelection.Resolve"/>, with the server as target.</summary>
    public void AddHost(string host, int port, AesMode? mode, KeyInput key)
        => Add(key, new XpraEndpoint(TransportKind.Tcp, host, port == 0 ? ProtocolDefaults.Port : port), mode, credential?.UserName, password);

    /// <summary>Adds a server by URI. Throws InvalidUri, InvalidOption if the URI and the parameters conflict, and as <see cref="AddHost"/>.</summary>
    public void AddUri(string text, AesMode? mode, KeyInput key)
    {
        var uri = XpraUri.Parse(text);
        foreach (var warning in uri.Warnings)
            cmdlet.WarnOnce(warning);
        AddUri(uri, mode, key, uri.KeyFile);
    }

    /// <summary>
    /// Adds the server of a session file. A key given as a parameter takes precedence over the key file that it names. Throws SessionFileUnusable, also for a key
    /// file that has a problem, since the person who wrote the session file may know that key; and as <see cref="AddUri(string, AesMode?, KeyInput)"/>.
    /// </summary>
    public void AddSessionFile(string path, AesMode? mode, KeyInput key)
    {
        path = FilePath.Resolve(cmdlet, path);
        var file = SessionFile.Read(path);
        var uri = file.Uri;
        foreach (var warning in file.Warnings)
            cmdlet.WarnOnce($"The session file {path} {warning}");
        if (uri.Endpoint.Trust?.AuthorityFile is { } authorities)
            SessionFile.RequireLocal(path, FilePath.Resolve(cmdlet, authorities));
        if (key.IsGiven || uri.KeyFile is not { } keyFile)
        {
            AddUri(uri, mode, key, null);
            return;
        }
        keyFile = SessionFile.RequireLocal(path, FilePath.Resolve(cmdlet, keyFile));
        if (KeysFor(key, null, keyFile)[0].Problems is [var problem, ..])
            throw SessionFile.RefusedKey(path, keyFile, problem);
        AddUri(uri, mode, key, keyFile);
    }

    /// <summary>Forgets the servers that do not match; their secrets stay owned.</summary>
    public void Keep(Predicate<ConnectOptions> match) => _servers.RemoveAll(server => !match(server));

    /// <summary>Works on the servers in parallel, off the pipeline thread. An <see cref="XpraAesException"/> for one becomes an error record, and the others continue.</summary>
    /// <param name="maxParallel">The most servers at a time.</param>
    /// <param name="output">Gets errors and the log.</param>
    /// <param name="work">The work for one server.</param>
    /// <param name="done">Called after each server, also after a failure; null for nothing.</param>
    /// <param name="cancellationToken">Cancels the work.</param>
    public Task ForEachAsync(int maxParallel, PipelineOutput output, Func<ConnectOptions, CancellationToken, Task> work, Action<ConnectOptions>? done, CancellationToken cancellationToken)
    {
        var log = new PipelineLogger(output);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = maxParallel, CancellationToken = cancellationToken };
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
            done?.Invoke(server);
        });
    }

    public void Dispose()
    {
        foreach (var secret in _secrets)
            secret.Dispose();
    }

    private void AddUri(XpraUri uri, AesMode? mode, KeyInput key, string? keyFile)
    {
        _secrets.Add(uri);
        // Conflicting values are a mistake, and guessing wrong could cost secrecy.
        RequireOnce(uri, "a mode", uri.Encryption is { } asked && asked != (mode ?? asked), "-Mode");
        RequireOnce(uri, "a key", key.IsGiven && (uri.Key is not null || keyFile is not null), "-KeyFile, -KeyData and -Key");
        RequireOnce(uri, "a password", password is not null && uri.Password is not null, "-Credential and -PasswordFile");
        RequireOnce(uri, "a user", uri.UserName is { } user && user != (credential?.UserName ?? user), "-Credential");
        Add(key, CertificateInput.ResolveTrust(cmdlet, uri.Endpoint), uri.Encryption ?? mode, uri.UserName ?? credential?.UserName, uri.Password ?? password, uri.Key, keyFile, uri.SessionName);
    }

    private static void RequireOnce(XpraUri uri, string what, bool twice, string parameters)
    {
        if (twice)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"{uri.Endpoint}: both the URI and a parameter give {what}.", $"Remove it from the URI, or omit {parameters}.") { Target = $"{uri.Endpoint}" };
    }

    private void Add(KeyInput key, XpraEndpoint endpoint, AesMode? mode, string? userName, SecretBuffer? serverPassword, XpraKey? uriKey = null, string? uriKeyFile = null, string? sessionName = null)
    {
        IReadOnlyList<XpraKey> keys;
        try
        {
            keys = PasswordAsKey ? KeyFromPassword(key, serverPassword, uriKey is not null || uriKeyFile is not null) : KeysFor(key, uriKey, uriKeyFile);
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
            // As xpra's own clients do: servers from 6.1 on refuse a password without a user name.
            UserName = userName ?? (serverPassword is null ? null : Environment.UserName),
            SessionName = sessionName,
            Password = serverPassword,
        });
    }

    /// <summary>Reads a key, and computes its fingerprint, once for all servers that use it.</summary>
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

    /// <summary>The password as the key. Only on request, since such a key can be guessed offline.</summary>
    private IReadOnlyList<XpraKey> KeyFromPassword(KeyInput input, SecretBuffer? serverPassword, bool uriHasKey)
    {
        if (uriHasKey || input.IsGiven)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-PasswordAsKey and a key are both given.", "Leave one of them out.");
        if (serverPassword is null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-PasswordAsKey requires a password.", "Give -Credential or -PasswordFile too.");
        using var passwordKey = XpraKey.FromPassword(serverPassword.Span);
        var keys = input.Resolve(passwordKey);
        _secrets.AddRange(keys);
        return keys;
    }
}
