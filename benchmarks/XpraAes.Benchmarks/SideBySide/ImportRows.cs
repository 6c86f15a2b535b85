using System.Globalization;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Import-Module of the built module, compared with a binary module with one empty cmdlet, with a manifest like ours and as a bare assembly. In new processes of pwsh, and of xpra-aes, in which PowerShell is compiled ahead, as in the packages that are installed most.</summary>
internal static class ImportRows
{
    private const double GoalMore = 70;
    private const string Manifest = "@{ RootModule = 'Empty.dll'; ModuleVersion = '1.0'; CmdletsToExport = @('Get-Nothing'); FunctionsToExport = @(); AliasesToExport = @() }";
    private const string EmptyModule = "using System.Management.Automation; [Cmdlet(\"Get\", \"Nothing\")] public sealed class GetNothing : PSCmdlet { }";

    public static void Measure(Table table, Settings settings, string module, string shell)
    {
        const string What = "Import-Module, to an empty binary module";
        if (Tools.Find("pwsh") is not { } pwsh)
        {
            table.AtMostBy(What, 0, null, "ms", GoalMore);
            return;
        }
        var folder = Directory.CreateTempSubdirectory("xpraaes-").FullName;
        try
        {
            var empty = Path.Combine(folder, "Empty.dll");
            var manifest = Path.Combine(folder, "Empty.psd1");
            File.WriteAllText(manifest, Manifest);
            Run(pwsh, $"Add-Type -OutputAssembly '{empty}' -TypeDefinition '{EmptyModule}'");
            var medians = settings.Medians(() => Import(pwsh, module), () => Import(pwsh, manifest));
            table.AtMostBy(What, medians[0], medians[1], "ms", GoalMore);
            if (settings.Quick)
                return;
            medians = settings.Medians(() => Import(pwsh, module), () => Import(pwsh, empty));
            table.AtLeast($"{What} without a manifest", medians[0], medians[1], "ms", null);
            medians = settings.Medians(() => Import(shell, module), () => Import(shell, manifest));
            table.AtMostBy("Import-Module in xpra-aes, to the same module", medians[0], medians[1], "ms", GoalMore);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The second of two imports: after another module's, PowerShell takes some 25 ms longer, whichever it is.</summary>
    private static double Import(string pwsh, string module)
    {
        ImportOnce(pwsh, module);
        return ImportOnce(pwsh, module);
    }

    private static double ImportOnce(string pwsh, string module)
        => double.Parse(Run(pwsh, $"$w = [Diagnostics.Stopwatch]::StartNew(); Import-Module '{module}' -ErrorAction Stop; $w.Elapsed.TotalMilliseconds.ToString([cultureinfo]::InvariantCulture)"), CultureInfo.InvariantCulture);

    private static string Run(string pwsh, string command)
        => Tools.Run(pwsh, "-NoProfile", "-NonInteractive", "-Command", command) ?? throw new InvalidOperationException($"pwsh failed: {command}");
}
