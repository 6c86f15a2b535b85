namespace XpraAes;

/// <summary>One value of a server's information.</summary>
public sealed class InformationRow
{
    /// <summary>The server's URI.</summary>
    public required string Server { get; init; }

    /// <summary>Its full name, as <c>xpra info</c> prints it, such as <c>client.0.version</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The value: text without control characters, a number, a boolean, a list as an array, or null.</summary>
    public object? Value { get; init; }

    /// <summary>Name and value.</summary>
    public override string ToString() => $"{Name}={Value}";
}
