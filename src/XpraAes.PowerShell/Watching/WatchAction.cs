namespace XpraAes.PowerShell.Watching;

/// <summary>What a key press asks for beyond another view.</summary>
internal enum WatchAction
{
    None,
    Quit,
    Disconnect,
}
