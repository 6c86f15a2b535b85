using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace XpraAes.Tests.Packaging;

/// <summary>What src/Package.proj builds from two copies of the source, in differently named folders.</summary>
[Trait("Category", "Packaging")]
public sealed class PackageTests(PackageTests.Packages packages) : IClassFixture<PackageTests.Packages>
{
    /// <summary>As in out/package.</summary>
    private const string ModuleName = "XpraAes", ToolName = "xpra-aes", BillName = "sbom.cdx.json";

    /// <summary>Those with the tool in them; the one named like the tool only says which is for which system.</summary>
    private static readonly string[] ToolPackages = [$"{ToolName}.linux-x64", $"{ToolName}.win-x64", $"{ToolName}.any"];

    [Fact]
    public void No_path_of_the_machine_that_built_it_is_in_it()
    {
        Assert.SkipUnless(packages.WereMade, packages.Output);
        Assert.All(OwnAssemblies(packages.Copies[0]), entry =>
        {
            using PEReader assembly = new(new MemoryStream(entry.Data));
            List<string> paths = [];
            foreach (var debug in assembly.ReadDebugDirectory())
            {
                if (debug.Type == DebugDirectoryEntryType.CodeView)
                    paths.Add(assembly.ReadCodeViewDebugDirectoryData(debug).Path);
                if (debug.Type != DebugDirectoryEntryType.EmbeddedPortablePdb)
                    continue;
                using var symbols = assembly.ReadEmbeddedPortablePdbDebugDirectoryData(debug);
                var reader = symbols.GetMetadataReader();
                paths.AddRange(reader.Documents.Select(document => reader.GetString(reader.GetDocument(document).Name)));
            }
            Assert.True(paths.Count > 1, $"{entry.Name} has no symbols in it.");
            Assert.All(paths, path => Assert.True(path.StartsWith("/_", StringComparison.Ordinal) || path == Path.GetFileName(path), path));
        });
    }

    [Fact]
    public void The_same_source_gives_the_same_assemblies()
    {
        Assert.SkipUnless(packages.WereMade, packages.Output);
        var hashes = packages.Copies.Select(copy => OwnAssemblies(copy).Select(entry => (entry.Name, Hash: Convert.ToHexString(SHA256.HashData(entry.Data)))).ToArray()).ToArray();
        Assert.Equal(4, hashes[0].Select(entry => entry.Name).Distinct().Count());
        Assert.Equal(hashes[0], hashes[1]);
    }

    [Theory]
    [InlineData(ModuleName, "XpraAes.PowerShell")]
    [InlineData($"{ToolName}.linux-x64", "XpraAes.Shell")]
    [InlineData($"{ToolName}.win-x64", "XpraAes.Shell")]
    [InlineData($"{ToolName}.any", "XpraAes.Shell")]
    public void A_bill_of_materials_names_every_package_of_other_hands_that_is_locked(string package, string project)
    {
        Assert.SkipUnless(packages.WereMade, packages.Output);
        using var bill = JsonDocument.Parse(Read(packages.Copies[0], package).Single(entry => entry.Name == BillName).Data);
        Assert.Equal("CycloneDX", bill.RootElement.GetProperty("bomFormat").GetString());
        Assert.Equal(package.Split('.')[0], bill.RootElement.GetProperty("metadata").GetProperty("component").GetProperty("name").GetString());
        var named = bill.RootElement.GetProperty("components").EnumerateArray().ToDictionary(component => component.GetProperty("name").GetString()!);
        Assert.All(named.Values, component => Assert.NotEmpty(component.GetProperty("hashes").EnumerateArray()));

        using var locked = JsonDocument.Parse(File.ReadAllText(Path.Combine(packages.Copies[0], "src", project, "packages.lock.json")));
        var pinned = locked.RootElement.GetProperty("dependencies").EnumerateObject().SelectMany(framework => framework.Value.EnumerateObject())
            .Where(dependency => dependency.Value.GetProperty("type").GetString() != "Project").ToArray();
        Assert.Contains(pinned, dependency => dependency.Name == (package == ModuleName ? "BouncyCastle.Cryptography" : "System.Management.Automation"));
        Assert.All(pinned, dependency =>
        {
            Assert.NotEmpty(dependency.Value.GetProperty("contentHash").GetString()!);
            Assert.Equal(dependency.Value.GetProperty("resolved").GetString(), named[dependency.Name].GetProperty("version").GetString());
        });
    }

    [Fact]
    public void The_checksums_are_those_of_the_packages()
    {
        Assert.SkipUnless(packages.WereMade, packages.Output);
        var folder = Path.Combine(packages.Copies[0], "out", "package");
        var lines = File.ReadAllLines(Path.Combine(folder, "SHA256SUMS")).Select(line => line.Split("  ")).ToArray();
        Assert.Equal(((string[])[ModuleName, ToolName, .. ToolPackages]).Order(StringComparer.Ordinal), lines.Select(line => Regex.Replace(line[1], @"\.\d.*", "")).Order(StringComparer.Ordinal));
        Assert.All(lines, line => Assert.Equal(line[0], Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, line[1])))), ignoreCase: true));
    }

    /// <summary>They are where PowerShell looks for them on Windows, or it runs no script there.</summary>
    [Theory]
    [InlineData("any", "/runtimes/win/lib/net10.0/")]
    [InlineData("win-x64", "/net10.0/win-x64/")]
    public void The_tool_has_the_settings_for_Windows_beside_PowerShells_assembly(string system, string beside)
    {
        Assert.SkipUnless(packages.WereMade, packages.Output);
        var names = Read(packages.Copies[0], $"{ToolName}.{system}").Select(entry => entry.Name).ToArray();
        var folder = Assert.Single(names, name => name.EndsWith($"{beside}System.Management.Automation.dll", StringComparison.Ordinal)).Replace("System.Management.Automation.dll", "", StringComparison.Ordinal);
        Assert.Contains($"{folder}powershell.config.json", names);
    }

    /// <summary>That is most of the time that it takes to start.</summary>
    [Theory]
    [InlineData("linux-x64", true)]
    [InlineData("win-x64", true)]
    [InlineData("any", false)]
    public void PowerShell_is_compiled_ahead_for_the_systems_that_are_known(string system, bool isCompiled)
    {
        Assert.SkipUnless(packages.WereMade, packages.Output);
        Assert.All(Read(packages.Copies[0], $"{ToolName}.{system}").Where(entry => Path.GetFileName(entry.Name) is "System.Management.Automation.dll" or "Microsoft.PowerShell.ConsoleHost.dll"), entry =>
        {
            using PEReader assembly = new(new MemoryStream(entry.Data));
            Assert.Equal(isCompiled, assembly.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0);
        });
    }

    private static IEnumerable<(string Name, byte[] Data)> OwnAssemblies(string copy)
        => ((string[])[ModuleName, .. ToolPackages]).SelectMany(package => Read(copy, package))
            .Select(entry => (Name: Path.GetFileName(entry.Name), entry.Data))
            .Where(entry => entry.Name.EndsWith(".dll", StringComparison.Ordinal) && (entry.Name.StartsWith(ModuleName, StringComparison.Ordinal) || entry.Name.StartsWith(ToolName, StringComparison.Ordinal)));

    private static List<(string Name, byte[] Data)> Read(string copy, string package)
    {
        using var zip = ZipFile.OpenRead(Directory.EnumerateFiles(Path.Combine(copy, "out", "package"), $"{package}.*.nupkg").Single(file => char.IsAsciiDigit(Path.GetFileName(file)[package.Length + 1])));
        return [.. zip.Entries.Select(entry =>
        {
            MemoryStream data = new();
            using var content = entry.Open();
            content.CopyTo(data);
            return (entry.FullName, data.ToArray());
        })];
    }

    /// <summary>Made once for all tests here.</summary>
    public sealed class Packages : IAsyncLifetime
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xpra-packages-");

        public IReadOnlyList<string> Copies => [Path.Combine(_folder.FullName, "one"), Path.Combine(_folder.FullName, "another, with a longer name")];

        /// <summary>False if the tool that writes bills of materials is not available.</summary>
        public bool WereMade { get; private set; }

        public string Output { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            foreach (var copy in Copies)
            {
                SourceCopy.Make(copy);
                if (await RunAsync(copy, "tool", "restore") != 0)
                    return;
            }
            foreach (var copy in Copies)
                Assert.True(await RunAsync(copy, "msbuild", "src/Package.proj", "-nodeReuse:false", "-p:UseSharedCompilation=false") == 0, Output);
            WereMade = true;
        }

        public ValueTask DisposeAsync()
        {
            _folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        }

        private async Task<int> RunAsync(string folder, params string[] arguments)
        {
            (var exitCode, Output) = await SourceCopy.RunAsync(folder, arguments);
            return exitCode;
        }
    }
}
