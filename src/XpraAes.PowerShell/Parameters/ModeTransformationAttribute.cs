using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Also accepts xpra's spelling, AES-CTR for CTR, and an empty text, as from an empty CSV column, for the default.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ModeTransformationAttribute : ArgumentTransformationAttribute
{
    private const string Prefix = "AES-";

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var input = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return input is object[] several ? Array.ConvertAll(several, StripPrefix) : StripPrefix(input);
    }

    private static object? StripPrefix(object? item)
    {
        if ((item is PSObject wrapped ? wrapped.BaseObject : item) is not string text)
            return item;
        text = text.Trim();
        if (text.Length == 0)
            return null;
        return text.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? text[Prefix.Length..] : text;
    }
}
