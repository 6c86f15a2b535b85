using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Gets the windows of xpra sessions.</summary>
[Cmdlet(VerbsCommon.Get, "XpraWindow")]
[OutputType(typeof(XpraWindow))]
public sealed class GetXpraWindowCommand : AdministrationCommand
{
    private protected override string Activity => "Asking xpra servers for their windows";

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var windows = ServerInformation.ReadWindows(ServerInformation.Normalize(await server.GetInfoAsync(cancellationToken)), server.Server);
        output.Post(cmdlet => cmdlet.WriteObject(windows, enumerateCollection: true));
    }
}
