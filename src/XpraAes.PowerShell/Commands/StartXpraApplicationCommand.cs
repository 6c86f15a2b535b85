using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;
using XpraAes.Administration;

namespace XpraAes.PowerShell.Commands;

/// <summary>Starts a program in xpra sessions.</summary>
[Cmdlet(VerbsLifecycle.Start, "XpraApplication", SupportsShouldProcess = true)]
[OutputType(typeof(StartedApplication))]
public sealed partial class StartXpraApplicationCommand : AdministrationCommand
{
    private IReadOnlyList<string> _words = [];
    private string _program = "";

    /// <summary>The command line; or the program and each of its arguments as a string of its own.</summary>
    [Parameter(Mandatory = true)]
    [ValidateNotNullOrEmpty]
    [AllowEmptyString]
    public string[] Command { get; set; } = [];

    /// <summary>Environment variables for the program.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary Environment { get; set; } = new Hashtable();

    /// <summary>Makes the program a child of the session: a server with exit-with-children ends with the last one.</summary>
    [Parameter]
    public SwitchParameter Child { get; set; }

    private protected override string Activity => "Starting a program on xpra servers";

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        IReadOnlyList<string> words = Command.Length == 1 ? CommandLine.Split(Command[0]) : Command;
        if (words.Count == 0 || words[0].Length == 0)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Command names no program.", "Give a command line such as 'xterm -geometry 80x24'.");
        if (words.Any(word => word.Contains('\0', StringComparison.Ordinal)))
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Command has a NUL character.", "Remove it.");
        _program = words[0];
        // env is on every system that xpra's sessions run on; start-env would change the server for all later programs, and 3.1 has no such command.
        _words = Environment.Count == 0 ? words : ["env", .. Environment.Cast<DictionaryEntry>().Select(Assignment), .. words];
    }

    private protected override bool Confirm(string server) => ShouldProcess(server, $"Start {_program}");

    private protected override async Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken)
        => output.WriteObject(await server.StartAsync(_program, _words, Child, cancellationToken));

    private static string Assignment(DictionaryEntry variable)
    {
        var (name, value) = (Convert.ToString(variable.Key, CultureInfo.InvariantCulture) ?? "", Convert.ToString(variable.Value, CultureInfo.InvariantCulture) ?? "");
        return NamePattern().IsMatch(name) && !value.Contains('\0', StringComparison.Ordinal)
            ? $"{name}={value}"
            : throw new XpraAesException(XpraErrorId.InvalidOption, "-Environment has a name that is not of letters, digits and underscores, or a value with a NUL character.", "Write -Environment @{ NAME = 'value' }.");
    }

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex NamePattern();
}
