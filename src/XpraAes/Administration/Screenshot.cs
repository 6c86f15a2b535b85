namespace XpraAes.Administration;

/// <summary>A picture of a session's windows.</summary>
/// <param name="Width">The width in pixels.</param>
/// <param name="Height">The height in pixels.</param>
/// <param name="Format">xpra's name of the format: <c>png</c> or <c>jpeg</c>.</param>
/// <param name="Data">The file's content.</param>
internal sealed record Screenshot(int Width, int Height, string Format, byte[] Data);
