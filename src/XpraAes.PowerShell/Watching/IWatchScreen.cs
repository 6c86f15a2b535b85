namespace XpraAes.PowerShell.Watching;

/// <summary>A terminal, in its alternate screen from <see cref="Enter"/> to <see cref="Leave"/>.</summary>
internal interface IWatchScreen
{
    /// <summary>How to draw for it now; it may have been resized.</summary>
    FrameStyle Style { get; }

    /// <summary>Switches to the alternate screen, and takes Ctrl+C as a key.</summary>
    void Enter();

    /// <summary>Shows the lines from the top on.</summary>
    void Show(IReadOnlyList<Line> lines);

    /// <summary>A key that was pressed; null where none waits.</summary>
    ConsoleKeyInfo? ReadKey();

    /// <summary>Leaves the screen as it was before. Does nothing the second time.</summary>
    void Leave();
}
