namespace XpraAes.Tests;

/// <summary>Finds the files that tests read: in the folder <c>shared</c> beside the repository, else the selection in the repository.</summary>
internal static class SharedFiles
{
    /// <summary>The root of the checkout.</summary>
    public static string Repository { get; } = FindRepository();

    private static readonly string s_own = Path.Combine(Repository, "tests", "XpraAes.Tests", "captures");

    /// <summary>The full path of a file or folder under <c>shared</c>; null if it does not exist.</summary>
    public static string? Find(string path)
    {
        var full = Path.GetFullPath(Path.Combine(Repository, "..", "shared", path));
        return Path.Exists(full) ? full : null;
    }

    /// <summary>Values and their bytes in each packet encoding.</summary>
    public static string Encoders => Find("captures/encoders.json") ?? Path.Combine(s_own, "encoders.json");

    /// <summary>Every recorded session, including those in the folder XPRA_CAPTURES.</summary>
    public static IEnumerable<string> Captures =>
        new[] { s_own, Find("captures"), Environment.GetEnvironmentVariable("XPRA_CAPTURES") }
            .Where(folder => !string.IsNullOrEmpty(folder))
            .SelectMany(folder => Directory.EnumerateFiles(folder!, "*.json").Order(StringComparer.Ordinal))
            .Where(file => Path.GetFileName(file) != "encoders.json")
            .DistinctBy(Path.GetFileName);

    /// <summary>The selection of recorded sessions in the repository.</summary>
    public static IEnumerable<string> OwnCaptures => Directory.EnumerateFiles(s_own, "*.json").Where(file => Path.GetFileName(file) != "encoders.json");

    private static string FindRepository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "XpraAes.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests run outside of the repository.");
        return folder;
    }
}
