namespace XpraAes.PowerShell.Watching;

/// <summary>A small chart in one line of text.</summary>
internal static class Sparkline
{
    private const string Blocks = " ▁▂▃▄▅▆▇█", Ascii = " .:-=+*%#";

    /// <summary>One character for each value, the highest in full height; a space for nothing, and at least the lowest one for anything.</summary>
    public static string Draw(ReadOnlySpan<double> values, bool isAscii)
    {
        var levels = isAscii ? Ascii : Blocks;
        var highest = 0.0;
        foreach (var value in values)
            highest = Math.Max(highest, value);
        var chart = new char[values.Length];
        for (var i = 0; i < values.Length; i++)
            chart[i] = levels[values[i] > 0 ? Math.Clamp((int)Math.Ceiling(values[i] / highest * (levels.Length - 1)), 1, levels.Length - 1) : 0];
        return new string(chart);
    }
}
