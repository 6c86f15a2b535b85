using System.Globalization;
using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Shows a notification to the clients of xpra sessions.</summary>
[Cmdlet(VerbsCommunications.Send, "XpraNotification", SupportsShouldProcess = true)]
[OutputType(typeof(ControlResult))]
public sealed class SendXpraNotificationCommand : AdministrationCommand
{
    // xpra's own numbers are small; a notification replaces one of the same number.
    private readonly int _id = Random.Shared.Next(1_000_000, int.MaxValue);

    /// <summary>The title.</summary>
    [Parameter(Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Title { get; set; } = "";

    /// <summary>The text below the title.</summary>
    [Parameter]
    [AllowEmptyString]
    public string Message { get; set; } = "";

    private protected override string Activity => "Sending a notification to xpra sessions";

    private protected override bool Confirm(string server) => ShouldProcess(server, $"Show all clients the notification '{Title}'");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        // The asterisk stands for all clients.
        string[] command = ["send-notification", _id.ToString(CultureInfo.InvariantCulture), Title, Message, "*"];
        try
        {
            output.WriteObject(await server.ControlAsync(command, cancellationToken));
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.RequestUnsupported && server is ConnectionRequests)
        {
            throw Answers.Unsupported(server.Server, command[0], ServerInformation.VersionOf(await server.GetInfoAsync(cancellationToken)));
        }
    }
}
