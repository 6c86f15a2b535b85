using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Disconnects all clients from xpra sessions; the sessions go on.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "XpraClient", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(ControlResult))]
public sealed class DisconnectXpraClientCommand : AdministrationCommand
{
    private protected override string Activity => "Disconnecting the clients of xpra servers";

    private protected override bool Confirm(string server) => ShouldProcess(server, "Disconnect all clients from the session");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
        => output.WriteObject(await server.DetachAsync(cancellationToken));
}
