using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>What cipher each direction of each connection really uses; or, with -Supported, what xpra's versions have.</summary>
[Cmdlet(VerbsCommon.Get, "XpraCipherInfo", DefaultParameterSetName = "All")]
[OutputType(typeof(CipherInfo), ParameterSetName = ["All", nameof(Connection), nameof(Listener)])]
[OutputType(typeof(SupportedCipher), ParameterSetName = [nameof(Supported)])]
public sealed class GetXpraCipherInfoCommand : XpraCmdlet
{
    private bool _shown;

    /// <summary>Connections of Connect-XpraAes or Get-XpraAesConnection.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Connection), ValueFromPipeline = true)]
    public XpraConnection[] Connection { get; set; } = [];

    /// <summary>Listeners of Start- or Get-XpraAesListener, for the connections of each.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>Lists the ciphers that xpra has, and in which versions.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Supported))]
    public SwitchParameter Supported { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (Supported)
            WriteObject(SupportedCipher.All, enumerateCollection: true);
        else
            Show(Chosen());
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        if (!_shown && !Supported)
            WriteWarning("There is no connection to show. Connect-XpraAes makes one, and clients of Start-XpraAesListener do; -Connection and -Listener choose among them, -Supported lists the ciphers that xpra has.");
    }

    private IEnumerable<XpraConnection> Chosen() => ParameterSetName switch
    {
        nameof(Connection) => Connection,
        nameof(Listener) => Listener.SelectMany(listener => listener.Connections),
        _ => LiveObjects.Connections,
    };

    private void Show(IEnumerable<XpraConnection> connections)
    {
        foreach (var connection in connections)
        {
            WriteObject(connection.GetCipherInfo(), enumerateCollection: true);
            _shown = true;
        }
    }
}
