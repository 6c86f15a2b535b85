namespace XpraAes.PowerShell.Watching;

/// <summary>How a cell's text is made.</summary>
/// <param name="Width">In cells.</param>
/// <param name="IsAscii">Whether the terminal shows nothing else.</param>
internal readonly record struct CellStyle(int Width, bool IsAscii);
