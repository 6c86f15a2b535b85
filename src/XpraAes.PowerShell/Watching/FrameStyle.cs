namespace XpraAes.PowerShell.Watching;

/// <summary>What a frame is drawn for.</summary>
/// <param name="Width">The screen's width in cells.</param>
/// <param name="Height">Its height in lines; 0 for as many as there is to show.</param>
/// <param name="IsAscii">Whether it shows only ASCII.</param>
internal readonly record struct FrameStyle(int Width, int Height, bool IsAscii);
