using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>Gets the live connections of this process: those of Connect-XpraAes and those of its listeners' clients.</summary>
[Cmdlet(VerbsCommon.Get, "XpraAesConnection", DefaultParameterSetName = "All")]
[OutputType(typeof(XpraConnection))]
public sealed class GetXpraAesConnectionCommand : XpraCmdlet
{
    /// <summary>Ids of the connections to get.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ConnectionIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Id))
            this.ForEach(Id, id => WriteObject(Input.Connection(id)));
        else
            WriteObject(LiveObjects.Connections, enumerateCollection: true);
    }
}
