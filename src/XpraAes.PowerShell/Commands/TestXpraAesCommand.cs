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
    /// <summary>Selects the view that is printed whole whatever a script has printed before. Format-Table and the like ignore what they are asked for with that view, so it is only for what no other command gets first.</summary>
    private const string ReportType = "XpraAes.Diagnosis#Report";

    private int _lastActivityId;

    /// <summary>Returns only a boolean for each server: whether an AES connection would be established.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    private protected override string Activity => "Testing xpra servers";

    private protected override bool ShowsProgressOfOne => false;

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
                cmdlet.WriteObject(diagnoses.Select(Shown), enumerateCollection: true);
        });

        void Show(string step) => output.WriteProgress(new ProgressRecord(progress.ActivityId, progress.Activity, step));
    }

    private object Shown(Diagnosis diagnosis)
    {
        if (MyInvocation.PipelinePosition < MyInvocation.PipelineLength)
            return diagnosis;
        var shown = new PSObject(diagnosis);
        shown.TypeNames.Insert(0, ReportType);
        return shown;
    }
}
