using System.Management.Automation;
using XpraAes.Connections;
using XpraAes.Diagnostics;

namespace XpraAes.PowerShell.Commands;

/// <summary>Finds out why an AES connection to an xpra server comes about or not, and what to do about it.</summary>
// There is no default parameter set, for the reason that Connect-XpraAes has none.
[Cmdlet(VerbsDiagnostic.Test, "XpraAes")]
[OutputType(typeof(Diagnosis), typeof(bool))]
public sealed class TestXpraAesCommand : ServerCommand
{
    private int _number;

    /// <summary>For each server nothing but true, where an AES connection would come about, or false.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    private protected override string Activity => "Testing xpra servers";

    private protected override async Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var progress = new ProgressRecord(Interlocked.Increment(ref _number), $"Testing {server.Endpoint}", "connecting");
        var diagnoses = await EndpointProbe.RunAsync(server, Show, cancellationToken);
        progress.RecordType = ProgressRecordType.Completed;
        output.WriteProgress(progress);
        // All of one server's together, whatever the others do meanwhile.
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
