using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Refuses a key object where text is expected: its text is the key itself, and an error message about a path or an address would show it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NotAKeyAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
        => LanguagePrimitives.GetEnumerable(inputData) is { } items && items.Cast<object?>().Any(IsKey) || IsKey(inputData)
            ? throw new ArgumentTransformationMetadataException("This is a key itself, and not a path or an address: give it with -Key.", new PSInvalidCastException())
            : inputData;

    private static bool IsKey(object? value) => value is XpraKey or PSObject { BaseObject: XpraKey };
}
