using System.Globalization;
using System.Text.RegularExpressions;
using XpraAes.Transports;

namespace XpraAes.Administration;

/// <summary>Names of files for servers, from patterns such as <c>shots/{0:host}.png</c>. What is inserted stays within the folder that the pattern names.</summary>
internal static partial class FileNames
{
    /// <summary>The pattern with {0:host}, {0:port} and {0:date} replaced.</summary>
    /// <exception cref="XpraAesException">InvalidOption: another placeholder.</exception>
    public static string Expand(string pattern, XpraEndpoint server, DateTime now)
        => PlaceholderPattern().Replace(pattern, match => match.Value switch
        {
            "{0:host}" => Safe(server.IsLocal ? System.IO.Path.GetFileName(server.Path ?? "") : server.Host),
            "{0:port}" => server.Port.ToString(CultureInfo.InvariantCulture),
            "{0:date}" => now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture),
            var unknown => throw new XpraAesException(XpraErrorId.InvalidOption, $"The path has the placeholder {unknown}.", "Use {0:host}, {0:port} and {0:date}.") { Target = pattern },
        });

    /// <summary>Letters, digits, dots and dashes; anything else, and a dot at the start, becomes an underscore. Never empty, and never a device of Windows.</summary>
    public static string Safe(string name)
    {
        var safe = string.Concat(name.Take(200).Select((c, index) => char.IsAsciiLetterOrDigit(c) || c == '-' || c == '.' && index > 0 ? c : '_')).TrimEnd('.');
        return safe.Length == 0 || DevicePattern().IsMatch(safe) ? $"_{safe}" : safe;
    }

    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex PlaceholderPattern();

    [GeneratedRegex(@"\A(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\z)", RegexOptions.IgnoreCase)]
    private static partial Regex DevicePattern();
}
