using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>Gets the live listeners of this process, from all runspaces.</summary>
[Cmdlet(VerbsCommon.Get, "XpraAesListener", DefaultParameterSetName = "All")]
[OutputType(typeof(AesListener))]
public sealed class GetXpraAesListenerCommand : XpraCmdlet
{
    /// <summary>Ids of the listeners to get.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ListenerIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <summary>Ports of the listeners to get.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Port))]
    public int[] Port { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case nameof(Id):
                this.ForEach(Id, id => WriteObject(Input.Listener(id)));
                break;
            case nameof(Port):
                this.ForEach(Port, WriteOnPort);
                break;
            default:
                WriteObject(LiveObjects.Listeners, enumerateCollection: true);
                break;
        }
    }

    private void WriteOnPort(int port)
    {
        var found = LiveObjects.Listeners.Where(listener => listener.Port == port).ToArray();
        if (found.Length == 0)
            throw Input.NotFound("listener on port", port, "Get-XpraAesListener");
        WriteObject(found, enumerateCollection: true);
    }
}
