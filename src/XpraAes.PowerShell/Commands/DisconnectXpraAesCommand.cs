using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>Ends connections: the peer is told, and the socket is closed.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "XpraAes", DefaultParameterSetName = nameof(Connection), SupportsShouldProcess = true)]
public sealed class DisconnectXpraAesCommand : XpraCmdlet
{
    private readonly List<XpraConnection> _chosen = [];

    /// <summary>Connections of Connect-XpraAes or Get-XpraAesConnection.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Connection), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public XpraConnection[] Connection { get; set; } = [];

    /// <summary>The ids of connections.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ConnectionIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Id))
            this.ForEach(Id, id => Choose(Input.Connection(id)));
        else
            this.ForEach(Connection, Choose);
    }

    /// <inheritdoc/>
    protected override void Finish() => Run((_, token) => Task.WhenAll(_chosen.Select(connection => connection.CloseAsync())).WaitAsync(token));

    private void Choose(XpraConnection connection)
    {
        if (connection.State != ConnectionState.Closed && ShouldProcess($"{connection.Endpoint} with {connection.Peer}, AES-{connection.Mode}, key {connection.KeyFingerprint}", "Disconnect"))
            _chosen.Add(connection);
    }
}
