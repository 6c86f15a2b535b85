using System.Globalization;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;

namespace XpraAes.Listening;

/// <summary>The value of xpra's <c>--bind-tcp</c>: an address and comma-separated options (PROTOCOL section 10). Owns its key.</summary>
internal sealed class BindOptions : IDisposable
{
    private BindOptions(string host, int port, OptionSet options)
    {
        Host = host;
        Port = port;
        var encryption = options.Take("encryption");
        AesMode? mode = null;
        Encrypted = encryption is not null && !IsFalse(encryption);
        if (Encrypted && !EncryptionName.TryParse(encryption!, out mode))
            throw Error("The value of encryption= is not AES, AES-CBC, AES-CTR, AES-GCM or AES-CFB.", "Use one of these; AES lets the client choose the mode.");
        Mode = mode;
        Auth = [.. options.TakeAll("auth").Select(BindAuth.Parse)];
        (KeyFile, Key) = options.TakeKey();
        Certificate = options.Take("ssl-cert");
        CertificateKey = options.Take("ssl-key");
        CertificatePassword = options.Take("ssl-key-password") is { } password ? KeyText.ToUtf8(password) : null;
        if (Certificate is null && CertificateKey is not null)
            throw Error("The bind options have ssl-key= but no ssl-cert=.", "Add ssl-cert= with the path of the certificate.");
        Options = options.Rest();
        if (!Encrypted && (KeyFile is not null || Key is not null))
            Warnings = ["The bind options have a key but no encryption=. An xpra server with these options does not encrypt: add encryption=AES."];
    }

    /// <summary>The address to listen on, IPv6 without brackets; 127.0.0.1 by default, <c>*</c> for all.</summary>
    public string Host { get; }

    /// <summary>The port; 0 lets the system choose.</summary>
    public int Port { get; }

    /// <summary>Whether <c>encryption=</c> asks for AES. A key alone does not.</summary>
    public bool Encrypted { get; }

    /// <summary>The only mode allowed; null if the client may choose.</summary>
    public AesMode? Mode { get; }

    /// <summary>The path of the key file as given, or null.</summary>
    public string? KeyFile { get; }

    /// <summary>The key of <c>keydata=</c>, or null.</summary>
    public XpraKey? Key { get; }

    /// <summary>The authentication modules that clients must pass, in order.</summary>
    public IReadOnlyList<BindAuth> Auth { get; }

    /// <summary>The path of the TLS certificate as given, or null.</summary>
    public string? Certificate { get; }

    /// <summary>The path of the certificate's private key, or null where it is in the same file.</summary>
    public string? CertificateKey { get; }

    /// <summary>The password of the private key, or null.</summary>
    public SecretBuffer? CertificatePassword { get; }

    /// <summary>All other options; no passwords among them.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>Options that xpra probably reads differently than intended.</summary>
    public IReadOnlyList<string> Warnings { get; } = [];

    /// <summary>Parses <c>[HOST]:PORT[,name=value…]</c>; commas in parentheses do not separate. Throws InvalidBind, KeyTextInvalid; the messages contain no values.</summary>
    internal static BindOptions Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var comma = text.IndexOf(',', StringComparison.Ordinal);
        var address = (comma < 0 ? text : text[..comma]).Trim();
        var options = new OptionSet(XpraErrorId.InvalidBind);
        foreach (var (name, value) in SplitList(comma < 0 ? "" : text[(comma + 1)..]))
            options.Add(name, value);

        var colon = address.LastIndexOf(':');
        if (colon < 0)
            throw Error("The bind options do not begin with an address and a port.", "Write HOST:PORT, or :PORT for 127.0.0.1, then the options.");
        var host = address[..colon].Trim();
        if (host.StartsWith('[') && host.EndsWith(']'))
            host = host[1..^1].Trim();
        if (host.Any(c => c is '[' or ']' || char.IsWhiteSpace(c) || char.IsControl(c)))
            throw Error("The address in the bind options is not a host name or address.", "Write HOST:PORT, with an IPv6 address in brackets, then the options.");
        ushort port = 0;
        if (colon < address.Length - 1 && !ushort.TryParse(address[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out port))
            throw Error("The port in the bind options is not a number from 0 to 65535.", "Write HOST:PORT, then the options.");
        return new BindOptions(host.Length == 0 ? "127.0.0.1" : host, colon == address.Length - 1 ? ProtocolDefaults.Port : port, options);
    }

    /// <summary>Zeroes the key and the password.</summary>
    public void Dispose()
    {
        Key?.Dispose();
        CertificatePassword?.Dispose();
    }

    /// <summary>Only the address and port.</summary>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>Splits <c>name=value,name=value</c> at the commas outside parentheses and trims both. Throws InvalidBind for an option without a value: xpra ignores it silently, which may turn off encryption.</summary>
    internal static IEnumerable<(string Name, string Value)> SplitList(string list)
    {
        var depth = 0;
        var start = 0;
        for (var i = 0; i <= list.Length; i++)
        {
            if (i < list.Length && list[i] == '(')
                depth++;
            else if (i < list.Length && list[i] == ')')
                depth--;
            if (depth < 0 || depth > 0 && i == list.Length)
                throw Error("The parentheses in the bind options do not match.", "Close each, and put values with commas in one pair: auth=exec(command=/bin/x,timeout=5).");
            if (i < list.Length && (list[i] != ',' || depth > 0))
                continue;
            var option = list[start..i];
            start = i + 1;
            if (string.IsNullOrWhiteSpace(option))
                continue;
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                throw Error("A part of the bind options is not name=value.", "Write HOST:PORT,name=value,name=value.");
            yield return (option[..equals].Trim(), option[(equals + 1)..].Trim());
        }
    }

    private static bool IsFalse(string value) => value.ToLowerInvariant() is "no" or "false" or "0" or "off" or "none";

    private static XpraAesException Error(string message, string action) => new(XpraErrorId.InvalidBind, message, action);
}
