using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;

namespace XpraAes.PowerShell;

/// <summary>Reads limits from a hashtable by name: counts and sizes in bytes as numbers, times as seconds or TimeSpans.</summary>
internal static class LimitInput
{
    private static readonly Dictionary<string, PropertyInfo> Known = typeof(Limits)
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .ToDictionary(property => property.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Old names, which are still accepted in this version, with a warning.</summary>
    private static readonly Dictionary<string, string> Renamed = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Foothold"] = nameof(Limits.NewSourceGracePeriod),
    };

    /// <summary>The limits' names, and whether each is a count or a time.</summary>
    public static IReadOnlyDictionary<string, Type> Types => Known.ToDictionary(limit => limit.Key, limit => limit.Value.PropertyType);

    /// <summary>The default limits, overridden by those of the table. Throws InvalidOption.</summary>
    public static Limits Read(IDictionary table, Action<string> warn)
    {
        var limits = Limits.Default with { };
        foreach (DictionaryEntry entry in table)
        {
            var name = Convert.ToString(entry.Key, CultureInfo.InvariantCulture) ?? "";
            if (Renamed.TryGetValue(name, out var newName))
            {
                if (table.Contains(newName))
                    throw new XpraAesException(XpraErrorId.InvalidOption, $"The limits {name} and {newName} are the same.", $"Leave {name} out.");
                warn($"The limit {name} is now called {newName}: the old name will be removed in the next version.");
                name = newName;
            }
            if (!Known.TryGetValue(name, out var limit))
                throw new XpraAesException(XpraErrorId.InvalidOption, $"There is no limit '{name}'.", $"The limits are: {string.Join(", ", Known.Keys.Order(StringComparer.Ordinal))}.");
            limit.SetValue(limits, limit.PropertyType == typeof(TimeSpan) ? ToTime(limit.Name, entry.Value) : ToCount(limit.Name, entry.Value));
        }
        return limits;
    }

    private static TimeSpan ToTime(string name, object? value)
        => SecondsTransformationAttribute.TryConvert(value, out var time)
            ? time
            : throw new XpraAesException(XpraErrorId.InvalidOption, $"The limit {name} is a time, but '{value}' is not.", "Give seconds, or a TimeSpan such as 00:00:30, of a day at most.");

    private static int ToCount(string name, object? value)
        => LanguagePrimitives.TryConvertTo<int>(value, CultureInfo.InvariantCulture, out var count) && count > 0
            ? count
            : throw new XpraAesException(XpraErrorId.InvalidOption, $"The limit {name} is a whole number above 0, but '{value}' is not.", "Sizes are in bytes; 1MB and 64KB are numbers too.");
}
