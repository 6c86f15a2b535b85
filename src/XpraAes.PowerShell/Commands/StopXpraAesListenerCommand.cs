using System.Diagnostics;
using System.Management.Automation;

namespace XpraAes.PowerShell.Commands;

/// <summary>Stops listeners: disconnects their clients and frees their ports.</summary>
[Cmdlet(VerbsLifecycle.Stop, "XpraAesListener", DefaultParameterSetName = nameof(Listener), SupportsShouldProcess = true)]
public sealed class StopXpraAesListenerCommand : XpraCmdlet
{
    private static readonly TimeSpan s_progressInterval = TimeSpan.FromMilliseconds(250);

    private readonly List<AesListener> _selected = [];

    /// <summary>Listeners from Start- or Get-XpraAesListener.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = nameof(Listener), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public AesListener[] Listener { get; set; } = [];

    /// <summary>Ids of listeners.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Id))]
    [ArgumentCompleter(typeof(ListenerIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <summary>How long sessions have to end before they are aborted: seconds or a TimeSpan.</summary>
    [Parameter]
    [SecondsTransformation]
    public TimeSpan GracePeriod { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Lets clients come for the listener's limit DrainDelay, and sessions go on for its limit DrainTime, before they are told.</summary>
    [Parameter]
    public SwitchParameter Drain { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Id))
            this.ForEach(Id, id => Select(Input.Listener(id)));
        else
            this.ForEach(Listener, Select);
    }

    /// <inheritdoc/>
    protected override void Finish() => Run(StopAsync);

    private async Task StopAsync(PipelineOutput output, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var stopping = Task.WhenAll(_selected.Select(listener => StopAsync(listener)));
        var longest = GracePeriod + (Drain ? _selected.Select(listener => listener.Options.Limits.DrainDelay + listener.Options.Limits.DrainTime).DefaultIfEmpty().Max() : TimeSpan.Zero);
        var progress = new ProgressRecord(0, "Stopping listeners", "waiting");
        while (await Task.WhenAny(stopping, Task.Delay(s_progressInterval, cancellationToken)) != stopping)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var sessions = _selected.Sum(listener => listener.Connections.Count);
            var left = longest - Stopwatch.GetElapsedTime(started);
            output.WriteProgress(new ProgressRecord(0, progress.Activity, $"waiting for {sessions} open {(sessions == 1 ? "session" : "sessions")}, aborted after {longest.TotalSeconds:0.#} s") { SecondsRemaining = (int)Math.Max(0, left.TotalSeconds) });
        }
        progress.RecordType = ProgressRecordType.Completed;
        output.WriteProgress(progress);
        await stopping;
    }

    private Task StopAsync(AesListener listener)
    {
        var limits = listener.Options.Limits;
        return (Drain.IsPresent, listener.State) switch
        {
            (false, _) => listener.StopAsync(GracePeriod),
            (true, ListenerState.Listening) => listener.StopAsync(GracePeriod, limits.DrainTime, limits.DrainDelay),
            _ => listener.Completion, // a second call would end the time that it has
        };
    }

    private void Select(AesListener listener)
    {
        if (listener.State != ListenerState.Stopped && ShouldProcess($"{listener.Endpoint}, {listener.Connections.Count} connections, key {listener.KeyFingerprint ?? "none"}", Drain ? "Drain and stop listening" : "Stop listening"))
            _selected.Add(listener);
    }
}
