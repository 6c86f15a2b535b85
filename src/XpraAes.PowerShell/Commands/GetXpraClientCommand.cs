using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Gets the clients that are attached to xpra sessions.</summary>
[Cmdlet(VerbsCommon.Get, "XpraClient")]
[OutputType(typeof(XpraClient))]
public sealed class GetXpraClientCommand : AdministrationCommand
{
    private protected override string Activity => "Asking xpra servers for their clients";

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var clients = ServerInformation.ReadClients(ServerInformation.Normalize(await server.GetInfoAsync(cancellationToken)), server.Server);
        output.Post(cmdlet => cmdlet.WriteObject(clients, enumerateCollection: true));
    }
}
