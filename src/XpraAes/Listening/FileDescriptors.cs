using System.Globalization;

namespace XpraAes.Listening;

/// <summary>How many file descriptors this process may open.</summary>
internal static class FileDescriptors
{
    /// <summary>The soft limit on Linux; <see cref="long.MaxValue"/> if unknown.</summary>
    public static long Limit
    {
        get
        {
            if (!OperatingSystem.IsLinux())
                return long.MaxValue;
            // "Max open files            1024                 1048576              files", see proc(5).
            const string Name = "Max open files";
            var line = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
            var soft = line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
            return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : long.MaxValue;
        }
    }
}
