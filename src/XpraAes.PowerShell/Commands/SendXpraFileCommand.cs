using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Sends a file of the server's machine to the clients of xpra sessions.</summary>
[Cmdlet(VerbsCommunications.Send, "XpraFile", SupportsShouldProcess = true)]
[OutputType(typeof(ControlResult))]
public sealed class SendXpraFileCommand : AdministrationCommand
{
    // xpra takes anything else than open, true and 1 for no.
    private const string OpenIt = "open", LeaveIt = "no", AllClients = "*";

    /// <summary>The file's path on the server's machine, absolute or beginning with ~.</summary>
    [Parameter(Mandatory = true)]
    [ValidatePattern(@"\A[/~].")]
    public string Path { get; set; } = "";

    /// <summary>Asks the clients to open the file with its program.</summary>
    [Parameter]
    public SwitchParameter Open { get; set; }

    /// <summary>The uuids of the clients to send it to, as Get-XpraClient shows them; all clients by default.</summary>
    [Parameter]
    [ValidatePattern(@"\A[0-9A-Za-z-]+\z")]
    [ValidateNotNullOrEmpty]
    public string[] Uuid { get; set; } = [];

    private protected override string Activity => "Sending a file to the clients of xpra sessions";

    private protected override bool Confirm(string server)
        => ShouldProcess(server, $"Send {Path} to {(Uuid.Length == 0 ? "all clients" : string.Join(", ", Uuid))}{(Open ? ", which open it" : "")}");

    private protected override Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
        => ControlOrNameVersionAsync(server, ["send-file", Path, Open ? OpenIt : LeaveIt, Uuid.Length == 0 ? AllClients : string.Join(',', Uuid)], output, cancellationToken);
}
