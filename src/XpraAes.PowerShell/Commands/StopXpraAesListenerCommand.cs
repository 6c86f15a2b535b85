using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>Stops listeners: their clients are told, and their ports are free again.</summary>
[Cmdlet(VerbsLifecycle.Stop, "XpraAesListener", DefaultParameterSetName = nameof(Listener), SupportsShouldProcess = true)]
public sealed class StopXpraAesListenerCommand : XpraCmdlet
{
    private readonly List<AesListener> _chosen = [];

    /// <summary>Listeners of Start- or Get-XpraAesListener.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>The ids of listeners.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ListenerIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <summary>How long sessions have to end by themselves before they are cut: seconds or a TimeSpan.</summary>
    [Parameter]
    [SecondsTransformation]
    public TimeSpan GracePeriod { get; set; } = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Id))
            this.ForEach(Id, id => Choose(Input.Listener(id)));
        else
            this.ForEach(Listener, Choose);
    }

    /// <inheritdoc/>
    protected override void Finish() => Run((_, token) => Task.WhenAll(_chosen.Select(listener => listener.StopAsync(GracePeriod))).WaitAsync(token));

    private void Choose(AesListener listener)
    {
        if (listener.State != ListenerState.Stopped && ShouldProcess($"{listener.Endpoint}, {listener.Connections.Count} connections, key {listener.KeyFingerprint ?? "none"}", "Stop listening"))
            _chosen.Add(listener);
    }
}
