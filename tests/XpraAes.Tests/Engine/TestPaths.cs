using System.Reflection;

namespace XpraAes.Tests.Engine;

/// <summary>Where the build leaves what these tests run.</summary>
internal static class TestPaths
{
    /// <summary>The manifest at the root of the checkout.</summary>
    public static string RootManifest { get; } = Path.Combine(SharedFiles.Repository, "XpraAes.psd1");

    /// <summary>The manifest of the built module.</summary>
    public static string BuiltManifest { get; } = Path.Combine(SharedFiles.Repository, "out", "XpraAes", "XpraAes.psd1");

    /// <summary>The assembly of xpra-aes.</summary>
    public static string Shell { get; } = typeof(TestPaths).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "Shell").Value!;
}
