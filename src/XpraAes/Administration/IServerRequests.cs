using XpraAes.Encodings;

namespace XpraAes.Administration;

/// <summary>What an administrator can ask of a server. Every failure is an <see cref="XpraAesException"/> whose target is the server.</summary>
internal interface IServerRequests
{
    /// <summary>The server's URI.</summary>
    string Server { get; }

    /// <summary>The server's information, as <see cref="ServerInformation"/> reads it.</summary>
    Task<XpraDictionary> GetInfoAsync(CancellationToken cancellationToken);

    /// <summary>Sends a control command: its name and arguments.</summary>
    /// <exception cref="XpraAesException">ControlFailed, RequestUnsupported, StartDisabled, RequestRefused, and those of connecting.</exception>
    Task<ControlResult> ControlAsync(IReadOnlyList<string> command, CancellationToken cancellationToken);

    /// <summary>Starts a program, without a shell.</summary>
    /// <param name="program">Its name for display.</param>
    /// <param name="command">The words of its command line.</param>
    /// <param name="asChild">Whether the session counts it as a child.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="XpraAesException">As <see cref="ControlAsync"/>.</exception>
    Task<StartedApplication> StartAsync(string program, IReadOnlyList<string> command, bool asChild, CancellationToken cancellationToken);

    /// <summary>A picture of the session's windows; null where it shows none.</summary>
    Task<Screenshot?> TakeScreenshotAsync(CancellationToken cancellationToken);

    /// <summary>Disconnects every client.</summary>
    Task<ControlResult> DetachAsync(CancellationToken cancellationToken);

    /// <summary>Ends the server, and its programs too unless they are to be kept.</summary>
    Task<ControlResult> StopAsync(bool keepApplications, CancellationToken cancellationToken);
}
