using System.Globalization;
using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Converts a number of seconds, or a TimeSpan or its text. PowerShell by default would convert a number to ticks.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SecondsTransformationAttribute : ArgumentTransformationAttribute
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
        => TryConvert(inputData, out var time)
            ? time
            : throw new ArgumentTransformationMetadataException($"'{inputData}' is not a time: give seconds, or a TimeSpan such as 00:00:30, of a day at most.");

    /// <summary>Converts to a time from zero to a day.</summary>
    internal static bool TryConvert(object? value, out TimeSpan time)
    {
        var input = value is PSObject wrapped ? wrapped.BaseObject : value;
        if (LanguagePrimitives.TryConvertTo<double>(input, CultureInfo.InvariantCulture, out var seconds) && Math.Abs(seconds) <= Longest.TotalSeconds)
            time = TimeSpan.FromSeconds(seconds);
        else if (!LanguagePrimitives.TryConvertTo(input, CultureInfo.InvariantCulture, out time))
            return false;
        return time >= TimeSpan.Zero && time <= Longest;
    }
}
