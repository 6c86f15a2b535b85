namespace XpraAes.PowerShell.Watching;

/// <summary>A source that asks others in the background, from its creation until its token is cancelled.</summary>
internal interface IPollingSource : IWatchSource
{
    /// <summary>Completes when it is cancelled and no question is open.</summary>
    Task Completion { get; }
}
