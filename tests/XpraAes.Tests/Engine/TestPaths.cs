using System.Reflection;

namespace XpraAes.Tests.Engine;

/// <summary>Where the build leaves what these tests run.</summary>
internal static class TestPaths
{
    public static string Root { get; } = FindRoot();

    /// <summary>The manifest at the root of the checkout.</summary>
    public static string RootManifest { get; } = Path.Combine(Root, "XpraAes.psd1");

    /// <summary>The manifest of the built module.</summary>
    public static string BuiltManifest { get; } = Path.Combine(Root, "out", "XpraAes", "XpraAes.psd1");

    public static string Shell { get; } = typeof(TestPaths).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "Shell").Value!;

    private static string FindRoot()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "XpraAes.slnx")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new DirectoryNotFoundException("These tests run inside of a checkout.");
    }
}
