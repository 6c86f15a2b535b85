using System.Collections;
using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>
/// Refuses objects where a path or an address is expected: the text of a key object is the key itself, which an error message would then
/// show, and table rows should be bound by their columns.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TextOnlyAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        foreach (var item in LanguagePrimitives.GetEnumerable(inputData) ?? new[] { inputData })
        {
            switch (item is PSObject wrapped ? wrapped.BaseObject : item)
            {
                case XpraKey:
                    throw Refusal("This is a key, not a path or an address: give it with -Key.");
                case PSCustomObject or IDictionary:
                    throw Refusal("This is an object, not a path or an address.");
            }
        }
        return inputData;
    }

    // With this inner exception, the engine tries other ways to bind pipeline input.
    private static ArgumentTransformationMetadataException Refusal(string message) => new(message, new PSInvalidCastException(message));
}
