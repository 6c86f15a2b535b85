namespace XpraAes.PowerShell.Watching;

/// <summary>What a piece of text means; the screen decides how that looks.</summary>
internal enum Tone
{
    Plain,
    Heading,
    Good,
    Caution,
    Bad,
    Quiet,
}
