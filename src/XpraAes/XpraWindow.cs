namespace XpraAes;

/// <summary>A window of an xpra session, as the server describes it. Text is without control characters; what the server does not say is null.</summary>
public sealed class XpraWindow
{
    /// <summary>The server's URI.</summary>
    public required string Server { get; init; }

    /// <summary>The server's number for the window, which control commands such as <c>move</c> take.</summary>
    public required long Id { get; init; }

    /// <summary>The title, on one line.</summary>
    public string? Title { get; init; }

    /// <summary>The application's class: the second part of WM_CLASS, such as <c>XTerm</c>.</summary>
    public string? Class { get; init; }

    /// <summary>The width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>The height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>The distance in pixels from the left of the server's screen; may be negative. The development tree does not report it.</summary>
    public int? X { get; init; }

    /// <summary>The distance in pixels from the top of the server's screen; may be negative. The development tree does not report it.</summary>
    public int? Y { get; init; }

    /// <summary>Whether a client shows it.</summary>
    public bool? Shown { get; init; }

    /// <summary>Whether it has the keyboard focus.</summary>
    public bool Focused { get; init; }

    /// <summary>The process id of its program.</summary>
    public int? ProcessId { get; init; }

    /// <summary>For example <c>1 xterm</c>.</summary>
    public override string ToString() => $"{Id} {Title}".TrimEnd();
}
