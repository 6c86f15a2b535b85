using System.Management.Automation;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Gets the information of xpra servers as objects: all of it, a part, rows, or a summary.</summary>
[Cmdlet(VerbsCommon.Get, "XpraInfo")]
[OutputType(typeof(PSObject), typeof(InformationRow), typeof(ServerSummary))]
public sealed class GetXpraInfoCommand : AdministrationCommand
{
    /// <summary>The part to get, such as client.0.connection.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Gets a row with Server, Name and Value for each value, under the names that xpra info prints.</summary>
    [Parameter]
    public SwitchParameter Flat { get; set; }

    /// <summary>Gets one row for each server: version, uptime, display, session name, clients, windows, bandwidth limit.</summary>
    [Parameter]
    public SwitchParameter Summary { get; set; }

    private protected override string Activity => "Asking xpra servers for information";

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        if (Summary && (Flat || Path is not null))
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Summary is given with -Flat or -Path.", "Omit one of them.");
    }

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
    {
        var info = await server.GetInfoAsync(cancellationToken);
        var normalized = ServerInformation.Normalize(info);
        if (Summary)
        {
            output.WriteObject(ServerInformation.Summarize(normalized, server.Server));
            return;
        }
        object? part = normalized;
        if (Path is not null && !ServerInformation.TryFind(normalized, Path, out part) && !ServerInformation.TryFind(info, Path, out part))
            throw new XpraAesException(XpraErrorId.NotFound, $"{server.Server}: the server's information has no '{Path}'.", "Get-XpraInfo -Flat lists all names.") { Target = server.Server };
        if (Flat)
        {
            var rows = ServerInformation.Flatten(part, Path ?? "").Select(row => new InformationRow { Server = server.Server, Name = row.Name, Value = InformationTree.ToValue(row.Value) }).ToList();
            output.Post(cmdlet => cmdlet.WriteObject(rows, enumerateCollection: true));
            return;
        }
        var result = part == normalized ? InformationTree.Root(normalized, server.Server) : InformationTree.ToValue(part);
        output.Post(cmdlet => cmdlet.WriteObject(result, enumerateCollection: false));
    }
}
