using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>The live connections of this process: those of Connect-XpraAes and those that came to its listeners.</summary>
[Cmdlet(VerbsCommon.Get, "XpraAesConnection", DefaultParameterSetName = "All")]
[OutputType(typeof(XpraConnection))]
public sealed class GetXpraAesConnectionCommand : XpraCmdlet
{
    /// <summary>The ids of those wanted.</summary>
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
