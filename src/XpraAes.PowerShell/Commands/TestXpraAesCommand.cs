using System.Management.Automation;
using XpraAes.Connections;
using XpraAes.Diagnostics;

namespace XpraAes.PowerShell.Commands;

/// <summary>Finds out whether an AES connection to an xpra server can be established, and if not, why and what to do.</summary>
// No default parameter set, for the same reason as in Connect-XpraAes.
[Cmdlet(VerbsDiagnostic.Test, "XpraAes")]
[OutputType(typeof(Diagnosis), typeof(bool))]
public sealed class TestXpraAesCommand : ServerCommand
{
    private int _lastActivityId;

    /// <summary>Returns only a boolean for each server: whether an AES connection would be established.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    private protected override string Activity => "Testing xpra servers";

    private protected override async Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var progress = new ProgressRecord(Interlocked.Increment(ref _lastActivityId), $"Testing {server.Endpoint}", "connecting");
        var diagnoses = await EndpointProbe.RunAsync(server, Show, cancellationToken);
        progress.RecordType = ProgressRecordType.Completed;
        output.WriteProgress(progress);
        // One post, so that the findings of one server stay together.
        output.Post(cmdlet =>
        {
            if (Quiet)
                cmdlet.WriteObject(diagnoses.All(diagnosis => diagnosis.Result != DiagnosisResult.Failed));
            else
                cmdlet.WriteObject(diagnoses, enumerateCollection: true);
        });

        void Show(string step) => output.WriteProgress(new ProgressRecord(progress.ActivityId, progress.Activity, step));
    }
}
