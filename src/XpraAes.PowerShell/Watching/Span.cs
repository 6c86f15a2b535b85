namespace XpraAes.PowerShell.Watching;

/// <summary>Text with one look. It holds no control or format characters: see <see cref="CellText"/>.</summary>
internal readonly record struct Span(string Text, Tone Tone = Tone.Plain);
