using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>The live listeners of this process, whichever runspace started them.</summary>
[Cmdlet(VerbsCommon.Get, "XpraAesListener", DefaultParameterSetName = "All")]
[OutputType(typeof(AesListener))]
public sealed class GetXpraAesListenerCommand : XpraCmdlet
{
    /// <summary>The ids of those wanted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ListenerIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <summary>The ports of those wanted.</summary>
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
                this.ForEach(Port, WriteThoseOn);
                break;
            default:
                WriteObject(LiveObjects.Listeners, enumerateCollection: true);
                break;
        }
    }

    private void WriteThoseOn(int port)
    {
        var found = LiveObjects.Listeners.Where(listener => listener.Port == port).ToArray();
        if (found.Length == 0)
            throw Input.NotFound("listener on port", port, "Get-XpraAesListener");
        WriteObject(found, enumerateCollection: true);
    }
}
