namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Sizes in bytes, and how they are written.</summary>
internal static class Sizes
{
    /// <summary>Of the packets that throughput is measured with.</summary>
    public static int[] OfPackets { get; } = [1408, 16 * 1024, 256 * 1024];

    public static string Name(int bytes) => bytes switch
    {
        1408 => "1.4 KB",
        >= 1024 * 1024 => $"{bytes / (1024 * 1024)} MB",
        >= 1024 => $"{bytes / 1024} KB",
        _ => $"{bytes} B",
    };
}
