using System.Collections;

namespace XpraAes.PowerShell.Configuration;

/// <summary>A value of a configuration file, with the line it is on. A text <c>$env:NAME</c> is the value of that environment variable.</summary>
/// <param name="Line">The line, from 1.</param>
internal abstract record ConfigurationValue(int Line)
{
    /// <summary>As PowerShell would have it: a string, number, bool or null, an array of objects, a hashtable.</summary>
    public abstract object? ToObject();
}

/// <summary>A string, number or bool, or null.</summary>
/// <param name="Line">The line.</param>
/// <param name="Value">The value.</param>
/// <param name="Variable">The name of the environment variable that it is from; null if it stands in the file.</param>
internal sealed record ConfigurationScalar(int Line, object? Value, string? Variable = null) : ConfigurationValue(Line)
{
    private const string VariablePrefix = "$env:";

    public override object? ToObject() => Value;

    /// <summary>A text of the file, or the environment variable that it names.</summary>
    public static ConfigurationScalar FromText(int line, string text)
        => text.StartsWith(VariablePrefix, StringComparison.OrdinalIgnoreCase) ? FromVariable(line, text[VariablePrefix.Length..]) : new ConfigurationScalar(line, text);

    public static ConfigurationScalar FromVariable(int line, string name) => new(line, Environment.GetEnvironmentVariable(name), name);
}

/// <summary>Several values.</summary>
internal sealed record ConfigurationList(int Line, IReadOnlyList<ConfigurationValue> Items) : ConfigurationValue(Line)
{
    public override object ToObject() => Items.Select(item => item.ToObject()).ToArray();
}

/// <summary>Values by name, in the order of the file. No name twice, whatever its case.</summary>
internal sealed record ConfigurationTable(int Line, IReadOnlyList<KeyValuePair<string, ConfigurationValue>> Entries) : ConfigurationValue(Line)
{
    public override object ToObject()
    {
        var table = new Hashtable(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in Entries)
            table[name] = value.ToObject();
        return table;
    }
}
