namespace XpraAes.Benchmarks.SideBySide;

/// <summary>How sizes in bytes are written.</summary>
internal static class Sizes
{
    public static string Name(int bytes) => bytes switch
    {
        1408 => "1.4 KB",
        >= 1024 * 1024 => $"{bytes / (1024 * 1024)} MB",
        >= 1024 => $"{bytes / 1024} KB",
        _ => $"{bytes} B",
    };
}
