using System.Globalization;

namespace XpraAes.PowerShell.Watching;

/// <summary>Numbers in few characters.</summary>
internal static class Units
{
    private static readonly string[] s_prefixes = ["", "K", "M", "G", "T", "P"];

    /// <summary>At most five characters, in powers of 1,024: <c>0</c>, <c>999</c>, <c>1.2K</c>, <c>34.5M</c>, <c>999G</c>. A dash where it is unknown.</summary>
    public static string Amount(double? value)
    {
        if (value is not { } number)
            return "-";
        var prefix = 0;
        // 999.5 would become four digits.
        while (number >= 999.5 && prefix < s_prefixes.Length - 1)
        {
            number /= 1024;
            prefix++;
        }
        return Format(number, prefix == 0 || number >= 99.95 ? "0" : "0.0") + s_prefixes[prefix];
    }

    /// <summary>For example <c>12 MB</c>.</summary>
    public static string Bytes(double value)
    {
        var text = Amount(value);
        return char.IsAsciiLetter(text[^1]) ? $"{text[..^1]} {text[^1]}B" : $"{text} B";
    }

    /// <summary>At most four characters: <c>59s</c>, <c>59m</c>, <c>23h</c>, <c>999d</c>.</summary>
    public static string Age(TimeSpan? age) => age switch
    {
        null => "-",
        { TotalSeconds: < 60 } => $"{(int)Math.Max(0, age.Value.TotalSeconds)}s",
        { TotalMinutes: < 60 } => $"{(int)age.Value.TotalMinutes}m",
        { TotalHours: < 24 } => $"{(int)age.Value.TotalHours}h",
        _ => $"{Math.Min(999, (int)age.Value.TotalDays)}d",
    };

    /// <summary>At most six characters: <c>0.4ms</c>, <c>12ms</c>, <c>1.2s</c>, <c>60s</c>.</summary>
    public static string Latency(TimeSpan? latency) => latency switch
    {
        null => "-",
        { TotalMilliseconds: < 9.95 } => Format(latency.Value.TotalMilliseconds, "0.0") + "ms",
        { TotalMilliseconds: < 999.5 } => Format(latency.Value.TotalMilliseconds, "0") + "ms",
        { TotalSeconds: < 9.95 } => Format(latency.Value.TotalSeconds, "0.0") + "s",
        _ => Format(latency.Value.TotalSeconds, "0") + "s",
    };

    private static string Format(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
