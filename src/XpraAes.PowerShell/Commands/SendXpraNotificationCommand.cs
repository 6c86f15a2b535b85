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

    // The asterisk stands for all clients.
    private protected override Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
        => ControlOrNameVersionAsync(server, ["send-notification", _id.ToString(CultureInfo.InvariantCulture), Title, Message, "*"], output, cancellationToken);
}
