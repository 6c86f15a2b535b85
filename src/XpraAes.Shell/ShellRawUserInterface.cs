using System.Management.Automation.Host;

namespace XpraAes.Shell;

/// <summary>The terminal's measures and colours; what would draw on it is not supported.</summary>
internal sealed class ShellRawUserInterface : PSHostRawUserInterface
{
    // What is written to a file, to a pipe, or to a terminal that does not know its size, is laid out for this one.
    private static readonly Size AssumedSize = new(120, 50);

    public override Size BufferSize
    {
        get => WindowSize;
        set => throw NotATerminalOfOurs();
    }

    public override Size WindowSize
    {
        get => Console.IsOutputRedirected || Console.WindowWidth <= 0 ? AssumedSize : new Size(Console.WindowWidth, Console.WindowHeight);
        set => throw NotATerminalOfOurs();
    }

    public override Size MaxWindowSize => WindowSize;

    public override Size MaxPhysicalWindowSize => WindowSize;

    public override ConsoleColor ForegroundColor
    {
        get => Console.ForegroundColor;
        set => Console.ForegroundColor = value;
    }

    public override ConsoleColor BackgroundColor
    {
        get => Console.BackgroundColor;
        set => Console.BackgroundColor = value;
    }

    public override int CursorSize
    {
        get => 25;
        set => throw NotATerminalOfOurs();
    }

    public override Coordinates CursorPosition
    {
        get => throw NotATerminalOfOurs();
        set => throw NotATerminalOfOurs();
    }

    public override Coordinates WindowPosition
    {
        get => new(0, 0);
        set => throw NotATerminalOfOurs();
    }

    public override string WindowTitle
    {
        get => "xpra-aes";
        set => Console.Title = value;
    }

    public override bool KeyAvailable => Console.KeyAvailable;

    public override KeyInfo ReadKey(ReadKeyOptions options)
    {
        ConsoleKeyInfo key = Console.ReadKey(options.HasFlag(ReadKeyOptions.NoEcho));
        return new KeyInfo((int)key.Key, key.KeyChar, default, keyDown: true);
    }

    public override void FlushInputBuffer()
    {
    }

    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw NotATerminalOfOurs();

    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw NotATerminalOfOurs();

    public override void SetBufferContents(Rectangle rectangle, BufferCell fill) => throw NotATerminalOfOurs();

    public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) =>
        throw NotATerminalOfOurs();

    private static NotSupportedException NotATerminalOfOurs() => new("xpra-aes writes lines and does not draw on the terminal.");
}
