using System.Management.Automation;
using System.Reflection;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Engine;

/// <summary>Importing and removing the module, repeatedly and in two runspaces at once.</summary>
[Trait("Category", "Engine")]
public sealed class ModuleTests
{
    private const string Commands = "(Get-Command -Module XpraAes).Name";
    private const string CmdletAssembly = "(Get-Command New-XpraAesKey).ImplementingType.Assembly";

    public static TheoryData<string> Manifests => [TestPaths.RootManifest, TestPaths.BuiltManifest];

    [Theory]
    [MemberData(nameof(Manifests))]
    public void Test_ModuleManifest_accepts_it(string manifest)
    {
        using EngineHost host = new();
        EngineResult result = host.Run($"Test-ModuleManifest '{manifest}'");
        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        PSModuleInfo module = (PSModuleInfo)Assert.Single(result.Output).BaseObject;
        Assert.Equal(["Core"], module.CompatiblePSEditions);
        Assert.Equal(new Version(7, 4), module.PowerShellVersion);
        Assert.NotNull(module.LicenseUri);
        Assert.NotNull(module.ProjectUri);
        Assert.NotEmpty(module.ReleaseNotes);
        Assert.NotEmpty(module.Tags);
        Assert.Empty(module.ExportedFunctions);
        Assert.Empty(module.ExportedAliases);
        Assert.Empty(module.ExportedVariables);
    }

    [Theory]
    [MemberData(nameof(Manifests))]
    public void It_imports_silently_and_exports_what_the_manifest_says(string manifest)
    {
        using EngineHost host = new();
        EngineResult import = host.Run($"Import-Module '{manifest}'");
        Assert.Empty(import.Output);
        Assert.Empty(import.Errors);
        Assert.Empty(import.Warnings);
        Assert.Equal(Declared(host), host.Run(Commands).Output.Select(name => $"{name}").Order());
    }

    [Fact]
    public void The_manifest_exports_exactly_the_cmdlets_that_the_assembly_has()
    {
        using EngineHost host = EngineHost.WithModule();
        Assert.Equal(Implemented(host), Declared(host));
    }

    [Fact]
    public void The_manifest_has_the_version_of_the_assemblies()
    {
        using EngineHost host = new();
        Version version = (Version)host.Run($"(Test-ModuleManifest '{TestPaths.BuiltManifest}').Version").Output[0].BaseObject;
        foreach (string name in (string[])["XpraAes", "XpraAes.PowerShell", "XpraAes.Loader"])
        {
            string path = Path.Combine(Path.GetDirectoryName(TestPaths.BuiltManifest)!, "bin", name + ".dll");
            Assert.Equal(version, new Version(AssemblyName.GetAssemblyName(path).Version!.ToString(3)));
        }
    }

    [Fact]
    public void Removing_it_removes_its_commands()
    {
        using EngineHost host = EngineHost.WithModule();
        EngineResult removal = host.Run("Remove-Module XpraAes");
        Assert.Empty(removal.Errors);
        Assert.Empty(host.Run("Get-Command -Module XpraAes*").Output);
        Assert.Empty(host.Run("Get-Module XpraAes*").Output);
    }

    [Fact]
    public void It_comes_back_whole_after_removal_and_with_Force_as_often_as_one_likes()
    {
        using EngineHost host = EngineHost.WithModule();
        string[] commands = [.. host.Run(Commands).Output.Select(name => $"{name}")];
        Assembly assembly = (Assembly)host.Run(CmdletAssembly).Output[0].BaseObject;
        for (int round = 0; round < 3; round++)
        {
            Assert.Empty(host.Run($"Remove-Module XpraAes; Import-Module '{TestPaths.BuiltManifest}'; Import-Module '{TestPaths.BuiltManifest}' -Force").Errors);
            Assert.Equal(commands, host.Run(Commands).Output.Select(name => $"{name}"));
            Assert.Same(assembly, host.Run(CmdletAssembly).Output[0].BaseObject);
        }
    }

    [Fact]
    public async Task Two_runspaces_import_it_at_once_and_share_its_assembly()
    {
        Assembly[] assemblies = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            using EngineHost host = EngineHost.WithModule();
            return (Assembly)host.Run(CmdletAssembly).Output[0].BaseObject;
        })));
        Assert.Same(assemblies[0], assemblies[1]);
    }

    [Fact]
    public void A_checkout_that_was_never_built_says_how_to_build_it()
    {
        DirectoryInfo checkout = Directory.CreateTempSubdirectory("xpra-aes-");
        try
        {
            foreach (string file in Directory.GetFiles(SharedFiles.Repository, "XpraAes.*").Where(file => Path.GetExtension(file) is ".psd1" or ".psm1" or ".ps1xml"))
            {
                File.Copy(file, Path.Combine(checkout.FullName, Path.GetFileName(file)));
            }

            using EngineHost host = new();
            ErrorRecord refusal = Assert.Single(host.Run($"Import-Module '{checkout.FullName}/XpraAes.psd1'").Errors);
            Assert.Contains($"dotnet build '{checkout.FullName}'", $"{refusal}", StringComparison.Ordinal);
        }
        finally
        {
            checkout.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_copy_in_another_folder_shares_what_is_loaded()
    {
        using TempFolder folder = new();
        string built = Path.GetDirectoryName(TestPaths.BuiltManifest)!;
        foreach (string file in Directory.GetFiles(built).Concat(Directory.GetFiles(Path.Combine(built, "bin"))))
        {
            string copy = Path.Combine(folder.Root, Path.GetRelativePath(built, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        using EngineHost host = EngineHost.WithModule();
        string[] commands = [.. host.Run(Commands).Output.Select(name => $"{name}")];
        Assembly assembly = (Assembly)host.Run(CmdletAssembly).Output[0].BaseObject;
        for (int round = 0; round < 2; round++)
        {
            Assert.Empty(host.Run($"Remove-Module XpraAes; Import-Module '{Path.Combine(folder.Root, "XpraAes.psd1")}'").Errors);
            Assert.Equal(commands, host.Run(Commands).Output.Select(name => $"{name}"));
            Assert.Same(assembly, host.Run(CmdletAssembly).Output[0].BaseObject);
        }
    }

    [Fact]
    public void Another_version_in_the_same_process_is_refused_in_plain_words()
    {
        DirectoryInfo other = Directory.CreateTempSubdirectory("xpra-aes-");
        try
        {
            File.Copy(typeof(FactAttribute).Assembly.Location, Path.Combine(other.FullName, "XpraAes.PowerShell.dll"));
            using EngineHost host = EngineHost.WithModule();
            ErrorRecord refusal = Assert.Single(host.Run($"[XpraAes.Loader.ModuleLoadContext]::LoadCmdlets('{other.FullName}')").Errors);
            Assert.Contains("Start a new PowerShell", $"{refusal}", StringComparison.Ordinal);
        }
        finally
        {
            other.Delete(recursive: true);
        }
    }

    private static string[] Declared(EngineHost host) =>
        [.. host.Run($"(Test-ModuleManifest '{TestPaths.RootManifest}').ExportedCmdlets.Keys").Output.Select(name => $"{name}").Order()];

    private static string[] Implemented(EngineHost host)
    {
        Assembly assembly = (Assembly)host.Run(CmdletAssembly).Output[0].BaseObject;
        return [.. assembly.GetExportedTypes().Select(type => type.GetCustomAttribute<CmdletAttribute>()).OfType<CmdletAttribute>()
            .Select(cmdlet => $"{cmdlet.VerbName}-{cmdlet.NounName}").Order()];
    }
}
