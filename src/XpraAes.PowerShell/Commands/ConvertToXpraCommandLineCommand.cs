using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.PowerShell.Commands;

/// <summary>Creates the xpra command line that matches a listener, a connection or these parameters, for a given version of xpra.</summary>
[Cmdlet(VerbsData.ConvertTo, "XpraCommandLine", DefaultParameterSetName = HostSet)]
[OutputType(typeof(XpraCommandLine), ParameterSetName = [HostSet, nameof(Uri), nameof(InputObject)])]
[OutputType(typeof(string), ParameterSetName = [nameof(Browser)])]
public sealed class ConvertToXpraCommandLineCommand : XpraCmdlet
{
    private const string HostSet = "Host";

    /// <summary>Listeners and connections; a listener on several addresses gives a line for each.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(InputObject), ValueFromPipeline = true)]
    [Parameter(Mandatory = true, ParameterSetName = nameof(Browser), ValueFromPipeline = true)]
    public object InputObject { get; set; } = null!;

    /// <summary>A URI as for Connect-XpraAes.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Uri))]
    [TextOnly]
    public string Uri { get; set; } = "";

    /// <summary>The host that the server listens on, or that the client connects to.</summary>
    [Parameter(Mandatory = true, ParameterSetName = HostSet)]
    [Alias("Host", "HostName")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string ComputerName { get; set; } = "";

    /// <summary>The TCP port; xpra's by default.</summary>
    [Parameter(ParameterSetName = HostSet)]
    [ValidateRange(1, IPEndPoint.MaxPort)]
    public int Port { get; set; } = ProtocolDefaults.Port;

    /// <summary>The AES mode; by default CBC for a client and any for a server.</summary>
    [Parameter(ParameterSetName = HostSet)]
    [Parameter(ParameterSetName = nameof(Uri))]
    [ModeTransformation]
    public AesMode? Mode { get; set; }

    /// <summary>Whether xpra is the client or the server.</summary>
    [Parameter]
    public XpraRole Role { get; set; }

    /// <summary>The version of xpra: 3.1 for the newest release of that line, 6.5.2, or master.</summary>
    [Parameter(Mandatory = true, ParameterSetName = HostSet)]
    [Parameter(Mandatory = true, ParameterSetName = nameof(Uri))]
    [Parameter(Mandatory = true, ParameterSetName = nameof(InputObject))]
    [ArgumentCompleter(typeof(XpraVersionCompleter))]
    [ValidateNotNullOrEmpty]
    public string XpraVersion { get; set; } = "";

    /// <summary>Gives the address to open in a browser in place of a command line. It never contains the key, which the person types.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Browser))]
    public SwitchParameter Browser { get; set; }

    /// <summary>The path of the key file on the machine where the command line will run; it is not read here. A relative path is made absolute.</summary>
    [Parameter]
    [Alias("PSPath", "LiteralPath", "Path")]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? KeyFile { get; set; }

    /// <summary>The key's text; prefixed 0x, base64: or b64: its bytes. The command line will contain the key's bytes.</summary>
    [Parameter(ParameterSetName = HostSet)]
    [Parameter(ParameterSetName = nameof(Uri))]
    [ValidateNotNullOrEmpty]
    public string? KeyData { get; set; }

    /// <summary>The key as an object; if it is not from a file, the command line will contain its bytes.</summary>
    [Parameter(ParameterSetName = HostSet)]
    [Parameter(ParameterSetName = nameof(Uri))]
    [KeyTransformation]
    public XpraKey? Key { get; set; }

    /// <summary>The path of a password file on the machine where the command line will run; it is not read here.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? PasswordFile { get; set; }

    /// <summary>The user name that a client gives: with a password, xpra servers expect that of the user who runs them.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? UserName { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case HostSet:
                WriteLine(new XpraEndpoint(TransportKind.Tcp, ComputerName, Port), Mode);
                break;
            case nameof(Uri):
                WriteUri();
                break;
            case nameof(Browser):
                WriteBrowserUri((InputObject as PSObject)?.BaseObject ?? InputObject);
                break;
            default:
                WriteLive(InputObject is PSObject wrapped ? wrapped.BaseObject : InputObject);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Key?.Dispose();
        base.Dispose(disposing);
    }

    private void WriteUri()
    {
        using var uri = XpraUri.Parse(Uri);
        foreach (var warning in uri.Warnings)
            WriteWarning(warning);
        if (uri.Encryption is { } asked && asked != (Mode ?? asked))
            throw Conflict("a mode", "-Mode");
        if ((uri.Key is not null || uri.KeyFile is not null) && (Key is not null || KeyData is not null || KeyFile is not null))
            throw Conflict("a key", "-KeyFile, -KeyData and -Key");
        if (uri.Password is not null && PasswordFile is null)
            WriteWarning("The URI's password is left out, since every user of that machine would see it. Write it to a file, and give -PasswordFile.");
        var endpoint = uri.Endpoint is { Trust: { AuthorityFile: { } file } trust } ? uri.Endpoint with { Trust = trust with { AuthorityFile = Absolute(file) } } : uri.Endpoint;
        WriteLine(endpoint, uri.Encryption ?? Mode, uri.KeyFile, uri.Key, uri.UserName);
    }

    private void WriteBrowserUri(object input)
    {
        if (input is not AesListener listener)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"A {input.GetType().Name} is not a listener.", "Pipe the output of Start-XpraAesListener or Get-XpraAesListener.");
        var addresses = listener.BrowserUris;
        if (addresses.Count == 0)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"The listener {listener.Id} serves no pages.", "Start it with -Certificate and -WebRoot.") { Target = $"{listener.Id}" };
        var user = UserName ?? listener.Options.UserName;
        foreach (var address in addresses)
            WriteObject(user is null ? address : $"{address}?username={System.Uri.EscapeDataString(user)}");
    }

    private void WriteLive(object input)
    {
        switch (input)
        {
            case AesListener listener:
                foreach (var (bound, options) in listener.Binds)
                {
                    var endpoint = Role == XpraRole.Client ? AesListener.AdvertisedEndpoint(bound) : bound;
                    if (options.Key is not { } key)
                        throw new XpraAesException(XpraErrorId.InvalidOption, $"The listener {listener.Id} is the local end of an encrypted connection, and its clients are unencrypted.", $"Attach to it without AES options: xpra attach {bound}");
                    if (options.Password is not null && PasswordFile is null)
                        WriteWarning($"The listener {listener.Id} asks for a password: give -PasswordFile, or the command line leaves it out.");
                    if (options.EncryptFirstPacket)
                        WriteWarning($"The listener {listener.Id} encrypts the first packet too: set XPRA_ENCRYPT_FIRST_PACKET=1 in the environment of the command.");
                    WriteLine(endpoint, options.Modes, FileFor(key.Path), null, options.UserName);
                }
                break;
            case XpraConnection connection:
                using (var uri = XpraUri.Parse(connection.Endpoint))
                    WriteLine(uri.Endpoint, connection.Mode is { } mode ? [mode] : [], FileFor(connection.KeyPath), null);
                break;
            default:
                throw new XpraAesException(XpraErrorId.InvalidOption, $"A {input.GetType().Name} is neither a listener nor a connection.", "Pipe the output of Start-XpraAesListener, Get-XpraAesListener, Connect-XpraAes or Get-XpraAesConnection.");
        }
    }

    /// <summary>For parameters: uses -Key, else the URI's key, else -KeyData.</summary>
    private void WriteLine(XpraEndpoint endpoint, AesMode? mode, string? uriKeyFile = null, XpraKey? uriKey = null, string? uriUserName = null)
    {
        using var text = KeyData is null ? null : XpraKey.FromText(KeyData);
        var key = Key ?? uriKey ?? text;
        // For a key from a file, the path is enough.
        var file = FileFor(key is null ? uriKeyFile : key.Path);
        WriteLine(endpoint, mode is { } one ? [one] : [], file, file is null ? key : null, uriUserName);
    }

    private void WriteLine(XpraEndpoint endpoint, IReadOnlyList<AesMode> modes, string? keyFile, XpraKey? key, string? userName = null)
    {
        userName = UserName ?? userName;
        var line = XpraCommandLine.Create(Role, XpraVersion, endpoint, modes, keyFile, key, PasswordFile is null ? null : Absolute(PasswordFile), userName);
        if (Role == XpraRole.Client && PasswordFile is not null && userName is null && ParameterSetName != nameof(InputObject))
            WriteWarning("No user name is given, and many xpra servers with a password refuse that: give -UserName, the user who runs the server.");
        if (key is not null)
            WriteWarning("The command line contains the key itself: every user of the machine where it runs can see it, and so can logs and the history. Use a key file with -KeyFile instead.");
        WriteObject(line);
    }

    /// <summary>-KeyFile takes precedence over the path known here, since the command line may be for another machine.</summary>
    private string? FileFor(string? known) => (KeyFile ?? known) is { } path ? Absolute(path) : null;

    // A server changes its working directory. A path that is absolute on the other machine is kept, whatever this one's drives.
    private string Absolute(string path) => path.StartsWith('/') ? path : FilePath.Resolve(this, path);

    private static XpraAesException Conflict(string what, string parameters)
        => new(XpraErrorId.InvalidOption, $"Both the URI and a parameter give {what}.", $"Remove it from the URI, or omit {parameters}.");
}
