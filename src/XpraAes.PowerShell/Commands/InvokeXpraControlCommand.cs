using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Sends a control command to xpra servers, as xpra control does.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "XpraControl", SupportsShouldProcess = true)]
[OutputType(typeof(ControlResult))]
public sealed class InvokeXpraControlCommand : AdministrationCommand
{
    /// <inheritdoc/>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Uri), ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    public override string[] Uri { get; set; } = [];

    /// <summary>The command's name; help lists those that the server has.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ArgumentCompleter(typeof(ControlNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>The command's arguments, which may hold secrets: messages and confirmations show only the name.</summary>
    [Parameter(Position = 1, ValueFromRemainingArguments = true)]
    [AllowEmptyString]
    public string[] ArgumentList { get; set; } = [];

    private protected override string Activity => "Sending a control command to xpra servers";

    private protected override bool Confirm(string server) => Name == "help" || ShouldProcess(server, $"Control command {Name}");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var result = await server.ControlAsync([Name, .. ArgumentList], cancellationToken);
        if (Name == "help" && ArgumentList.Length == 0)
            ControlNameCompleter.Learn(result.Text);
        output.WriteObject(result);
    }
}
