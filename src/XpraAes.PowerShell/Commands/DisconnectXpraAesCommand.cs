using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>Ends connections: sends a disconnect packet and closes the socket.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "XpraAes", DefaultParameterSetName = nameof(Connection), SupportsShouldProcess = true)]
public sealed class DisconnectXpraAesCommand : XpraCmdlet
{
    private readonly List<XpraConnection> _selected = [];

    /// <summary>Connections from Connect-XpraAes or Get-XpraAesConnection.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Connection), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public XpraConnection[] Connection { get; set; } = [];

    /// <summary>Ids of connections.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ConnectionIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Id))
            this.ForEach(Id, id => Select(Input.Connection(id)));
        else
            this.ForEach(Connection, Select);
    }

    /// <inheritdoc/>
    protected override void Finish() => Run((_, token) => Task.WhenAll(_selected.Select(connection => connection.CloseAsync())).WaitAsync(token));

    private void Select(XpraConnection connection)
    {
        if (connection.State != ConnectionState.Closed && ShouldProcess($"{connection.Endpoint} with {connection.Peer}, AES-{connection.Mode}, key {connection.KeyFingerprint}", "Disconnect"))
            _selected.Add(connection);
    }
}
