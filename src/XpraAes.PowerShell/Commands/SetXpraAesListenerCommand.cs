using System.Collections;
using System.Management.Automation;
using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.PowerShell.Configuration;
using XpraAes.Transports;

namespace XpraAes.PowerShell.Commands;

/// <summary>Changes the encryption, password or target of listeners for new clients. Open connections are not affected.</summary>
[Cmdlet(VerbsCommon.Set, "XpraAesListener", DefaultParameterSetName = nameof(Listener), SupportsShouldProcess = true)]
[OutputType(typeof(AesListener))]
public sealed class SetXpraAesListenerCommand : GatewayCommand
{
    private static readonly string[] s_cipherParameters = [nameof(KeySize), nameof(KeyHash), nameof(Iterations), nameof(EncryptFirstPacket)];

    private ListenerOptions? _new;
    private IReadOnlyList<RouteOptions> _added = [];
    private RouteName[] _removed = [];

    /// <summary>Listeners from Start- or Get-XpraAesListener.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>The ids of listeners.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ListenerIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <summary>For a listener with several addresses, the one to change, as its property Endpoints shows it; all of them by default.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Endpoint { get; set; }

    /// <summary>Routes to add, or to replace where one has the same name: a table of names and URIs as for -Target. A single target counts as the route *.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public IDictionary? AddTarget { get; set; }

    /// <summary>The names of routes to remove. Open sessions go on.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[]? RemoveTarget { get; set; }

    /// <summary>The AES modes to accept.</summary>
    [Parameter]
    [ModeTransformation]
    [ValidateNotNullOrEmpty]
    public AesMode[]? Mode { get; set; }

    /// <summary>A changed configuration file, which is applied all of it or not at all. Nothing else goes along.</summary>
    [Parameter]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string? ConfigurationPath { get; set; }

    /// <summary>Returns the listeners.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Id))
            this.ForEach(Id, id => Change(Input.Listener(id)));
        else
            this.ForEach(Listener, Change);
    }

    private void Change(AesListener listener)
    {
        if (ConfigurationPath is not null)
        {
            ApplyFile(listener, FilePath.Resolve(this, ConfigurationPath));
            return;
        }
        _new ??= ReadNew();
        if (KeyInput.IsGiven && Endpoint is null && listener.Endpoints.Count > 1)
        {
            throw new XpraAesException(XpraErrorId.InvalidOption, $"The listener {listener.Id} has several addresses, each with its own key.",
                $"Say which one gets the new key: -Endpoint {listener.Endpoints[0]}.") { Target = $"{listener.Id}" };
        }
        if (!ShouldProcess(Endpoint ?? string.Join(", ", listener.Endpoints), $"For new clients: {Describe(_new)}"))
            return;
        var changed = new List<ListenerOptions>();
        listener.Reconfigure(old => Apply(old, changed), Endpoint);
        WarnAboutTargets(changed, listener.KeyFingerprints);
        if (PassThru)
            WriteObject(listener);
    }

    private void ApplyFile(AesListener listener, string path)
    {
        ListenerConfiguration.RequireAlone(MyInvocation, nameof(Listener), nameof(Id), nameof(PassThru));
        if (!ListenerConfiguration.Read(path).Replace(listener, this, WarnOnce, () => ShouldProcess(string.Join(", ", listener.Endpoints), $"For new clients: everything in {path}")))
            return;
        if (PassThru)
            WriteObject(listener);
    }

    /// <summary>Reads the parameters, once for all listeners.</summary>
    private ListenerOptions ReadNew()
    {
        var keys = KeyInput.IsGiven ? KeyInput.Resolve() : [];
        Secrets.AddRange(keys);
        if (Target is not null && (AddTarget ?? (object?)RemoveTarget) is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Target replaces all routes, and is given together with -AddTarget or -RemoveTarget.", "Leave one of them out.");
        var (target, routes) = Target is null ? (null, []) : TargetInput.Read(Target);
        _added = AddTarget is null ? [] : TargetInput.ReadRoutes(AddTarget, "-AddTarget");
        _removed = [.. (RemoveTarget ?? []).Select(RouteName.Parse)];
        return new ListenerOptions { Key = keys.Count > 0 ? keys[0] : null, OtherKeys = [.. keys.Skip(1)], Target = target, Routes = routes, Certificate = ReadCertificate(), WebRoot = ReadWebRoot(), Modes = [.. (Mode ?? []).Distinct()] };
    }

    private ListenerOptions Apply(ListenerOptions old, List<ListenerOptions> all)
    {
        var changed = old with
        {
            KeySize = IsGiven(nameof(KeySize)) ? KeySize / 8 : old.KeySize,
            KeyHash = IsGiven(nameof(KeyHash)) ? KeyHash : old.KeyHash,
            Iterations = IsGiven(nameof(Iterations)) ? Iterations : old.Iterations,
            EncryptFirstPacket = IsGiven(nameof(EncryptFirstPacket)) ? EncryptFirstPacket : old.EncryptFirstPacket,
            Modes = Mode is null ? old.Modes : _new!.Modes,
            AllowRequests = AllowRequest ?? old.AllowRequests,
            AllowedOrigins = AllowOrigin ?? old.AllowedOrigins,
            Transports = Transport ?? old.Transports,
            Certificate = _new!.Certificate ?? old.Certificate,
            WebRoot = WebRoot is null ? old.WebRoot : _new.WebRoot,
        };
        if (_new.IsGateway)
            changed = changed with { Target = _new.Target, Routes = _new.Routes };
        if (_added.Count > 0 || _removed.Length > 0)
            changed = changed with { Target = null, Routes = ChangeRoutes(old.AllRoutes) };
        if (_new.Key is not null)
            changed = changed with { Key = _new.Key, OtherKeys = _new.OtherKeys };
        if (Password is not null)
            changed = changed with { Password = Password, UserName = Credential?.UserName };
        WarnAboutFirstPacket(changed.EncryptFirstPacket ? changed.Modes : []);
        WarnAboutKeystreams(Mode ?? []);
        all.Add(changed);
        return changed;
    }

    private IReadOnlyList<RouteOptions> ChangeRoutes(IReadOnlyList<RouteOptions> old)
    {
        if (old.Count == 0)
            throw new XpraAesException(XpraErrorId.InvalidOption, "The listener has no target: it answers clients itself.", "Give it one with -Target.");
        var routes = old.ToDictionary(route => route.Parsed);
        foreach (var name in _removed)
        {
            if (!routes.Remove(name))
                throw new XpraAesException(XpraErrorId.NotFound, $"There is no route '{name}'.", "Get-XpraAesListener shows the routes (Routes).") { Target = $"{name}" };
        }
        foreach (var route in _added)
            routes[route.Parsed] = route;
        return routes.Count > 0 ? [.. routes.Values]
            : throw new XpraAesException(XpraErrorId.InvalidOption, "That would remove the last route, and the listener would answer clients itself.", "Add another route, or stop the listener.");
    }

    private bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private string Describe(ListenerOptions options)
    {
        var changes = new List<string>();
        if (options.Key is { } key)
            changes.Add($"the key {key.Fingerprint}");
        if (Mode is not null)
            changes.Add(string.Join(", ", options.Modes.Select(mode => $"AES-{mode}")));
        if (options.IsGateway)
            changes.Add($"the target {Describe(options.Target, options.Routes)}");
        if (_removed.Length > 0)
            changes.Add($"without the routes {string.Join(", ", _removed)}");
        if (_added.Count > 0)
            changes.Add($"the routes {string.Join(", ", _added.Select(route => route.Name))}");
        if (Password is not null)
            changes.Add("a password");
        if (WebRoot is not null)
            changes.Add(options.WebRoot is { } pages ? $"the pages in {pages}" : "no pages");
        if (options.Certificate is { } certificate)
            changes.Add($"the certificate of {certificate.Subject}, fingerprint {certificate.Fingerprint}");
        if (AllowRequest is not null)
            changes.Add($"the requests {string.Join(", ", AllowRequest)}");
        if (Transport is not null)
            changes.Add($"the transports {string.Join(", ", Transport)}");
        if (AllowOrigin is not null)
            changes.Add($"pages of {string.Join(", ", AllowOrigin)}");
        changes.AddRange(s_cipherParameters.Where(IsGiven).Select(name => $"-{name}"));
        return changes.Count > 0
            ? string.Join("; ", changes)
            : throw new XpraAesException(XpraErrorId.InvalidOption, "There is nothing to change.", "Give -KeyFile, -Mode, -Target or another parameter.");
    }
}
