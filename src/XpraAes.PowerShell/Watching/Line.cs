namespace XpraAes.PowerShell.Watching;

/// <summary>One line of a frame, at most as wide as the screen.</summary>
/// <param name="Spans">Its text from left to right.</param>
/// <param name="IsSelected">Whether it is the selected row.</param>
internal sealed record Line(IReadOnlyList<Span> Spans, bool IsSelected = false)
{
    public static Line Empty { get; } = new([]);

    public static Line Of(string text, Tone tone = Tone.Plain) => new([new Span(text, tone)]);

    /// <summary>Without looks.</summary>
    public override string ToString() => string.Concat(Spans.Select(span => span.Text));
}
