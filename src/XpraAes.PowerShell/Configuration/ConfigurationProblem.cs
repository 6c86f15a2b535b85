using System.Globalization;

namespace XpraAes.PowerShell.Configuration;

/// <summary>How bad a problem is.</summary>
public enum ConfigurationSeverity
{
    /// <summary>The file can be used, but look at this.</summary>
    Warning,

    /// <summary>The file cannot be used.</summary>
    Error,
}

/// <summary>A mistake in a configuration file. It contains no secrets.</summary>
public sealed record ConfigurationProblem
{
    /// <summary>The full path of the file.</summary>
    public required string Path { get; init; }

    /// <summary>The line, from 1.</summary>
    public required int Line { get; init; }

    /// <summary>The parameter that it concerns; null for the file as a whole.</summary>
    public string? Name { get; init; }

    /// <summary>Whether the file can be used.</summary>
    public ConfigurationSeverity Severity { get; init; } = ConfigurationSeverity.Error;

    /// <summary>What is wrong.</summary>
    public required string Message { get; init; }

    /// <summary>What to do.</summary>
    public string? RecommendedAction { get; init; }

    /// <summary>For example <c>line 4, KeyFile: The file key.txt does not exist.</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"line {Line}{(Name is null ? "" : $", {Name}")}: {Message}");
}
