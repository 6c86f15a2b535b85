using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Ends xpra servers, and with them the sessions' programs.</summary>
[Cmdlet(VerbsLifecycle.Stop, "XpraServer", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(ControlResult))]
public sealed class StopXpraServerCommand : AdministrationCommand
{
    /// <summary>Ends only the server: its programs and their display go on, and another server can take them over.</summary>
    [Parameter]
    public SwitchParameter KeepApplications { get; set; }

    private protected override string Activity => "Stopping xpra servers";

    private protected override bool Confirm(string server)
        => ShouldProcess(server, KeepApplications ? "End the xpra server, disconnect all clients, keep the session's programs" : "End the xpra server, disconnect all clients, end the session's programs");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
        => output.WriteObject(await server.StopAsync(KeepApplications, cancellationToken));
}
