using System.Runtime.InteropServices;
using System.Text;
using Spectre.Console;

namespace XpraAes.PowerShell.Watching;

/// <summary>The terminal of this process.</summary>
internal sealed class ConsoleScreen : IWatchScreen
{
    // Text that runs from right to left would otherwise move the numbers beside it, in terminals that reorder: BDSM of the ECMA-48 standard.
    private const string KeepOrder = "\e[8l", MayReorder = "\e[8h";

    // The terminal shows a frame as a whole, where it knows this.
    private const string BeginFrame = "\e[?2026h", EndFrame = "\e[?2026l";

    // In the order in which they count.
    private static readonly string[] s_localeVariables = ["LC_ALL", "LC_CTYPE", "LANG"];

    private readonly AnsiCapabilities _capabilities;
    private readonly bool _isAscii;
    private readonly object _gate = new();
    private bool _tookControlC;
    private bool _isEntered;

    private ConsoleScreen(AnsiCapabilities capabilities)
    {
        _capabilities = capabilities;
        _isAscii = !ShowsUnicode();
    }

    /// <summary>The terminal; null where there is none that shows what is written where.</summary>
    /// <param name="readsKeys">Whether keys are read too.</param>
    /// <param name="isPlain">Whether colours are off for other reasons than this terminal.</param>
    public static ConsoleScreen? Open(bool readsKeys, bool isPlain)
    {
        if (Console.IsOutputRedirected || readsKeys && Console.IsInputRedirected)
            return null;
        isPlain |= !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        var capabilities = AnsiCapabilities.Create(Console.Out, new AnsiWriterSettings { ColorSystem = isPlain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect });
        return capabilities.Ansi ? new ConsoleScreen(capabilities) : null;
    }

    public FrameStyle Style => new(Math.Max(20, Console.WindowWidth), Math.Max(4, Console.WindowHeight), _isAscii);

    private bool HasColours => _capabilities.ColorSystem != ColorSystem.NoColors;

    public void Enter()
    {
        lock (_gate)
        {
            _isEntered = true;
            AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
            ModuleLifetime.SignalReceived += OnSignal;
            _tookControlC = Console.TreatControlCAsInput;
            Console.TreatControlCAsInput = true;
            Write(writer => writer.EnterAltScreen().HideCursor().Write(KeepOrder));
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (!_isEntered)
                return;
            _isEntered = false;
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
            ModuleLifetime.SignalReceived -= OnSignal;
            Write(writer => writer.Write(MayReorder).ResetStyle().ShowCursor().ExitAltScreen());
            Console.TreatControlCAsInput = _tookControlC;
        }
    }

    public void Show(IReadOnlyList<Line> lines)
    {
        lock (_gate)
        {
            // A signal has left it, and the process takes a moment to end.
            if (_isEntered)
                Write(writer => WriteFrame(writer, lines));
        }
    }

    /// <summary>Writes the lines below what is on the screen.</summary>
    public void Print(IReadOnlyList<Line> lines)
        => Write(writer =>
        {
            foreach (var line in lines)
            {
                Write(writer, line, width: 0);
                writer.WriteLine();
            }
        });

    public ConsoleKeyInfo? ReadKey() => Console.KeyAvailable ? Console.ReadKey(intercept: true) : null;

    /// <summary>Whether the terminal shows more than ASCII: on Unix by its locale, as other programs decide it.</summary>
    private static bool ShowsUnicode()
    {
        if (OperatingSystem.IsWindows())
            return Console.OutputEncoding.CodePage == Encoding.UTF8.CodePage;
        var locale = s_localeVariables.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => !string.IsNullOrEmpty(value)) ?? "";
        return locale.Contains(".UTF-8", StringComparison.OrdinalIgnoreCase) || locale.Contains(".utf8", StringComparison.OrdinalIgnoreCase);
    }

    private static Style StyleOf(Tone tone) => tone switch
    {
        Tone.Heading => new Style(decoration: Decoration.Bold),
        Tone.Good => new Style(Color.Green),
        Tone.Caution => new Style(Color.Yellow),
        Tone.Bad => new Style(Color.Red),
        Tone.Quiet => new Style(decoration: Decoration.Dim),
        _ => Spectre.Console.Style.Plain,
    };

    private void WriteFrame(AnsiWriter writer, IReadOnlyList<Line> lines)
    {
        var (width, height, _) = Style;
        writer.Write(BeginFrame);
        for (var i = 0; i < lines.Count; i++)
        {
            // Each line where it belongs, so that one that the terminal finds wider than we do moves no other.
            writer.CursorPosition(i + 1, 1);
            Write(writer, lines[i], width);
        }
        if (lines.Count < height)
            writer.CursorPosition(lines.Count + 1, 1).EraseInDisplay(0);
        writer.Write(EndFrame);
    }

    private void Write(AnsiWriter writer, Line line, int width)
    {
        var text = line.ToString();
        // After the last cell it would erase that.
        if (CellText.WidthOf(text) < width)
            writer.EraseInLine(2);
        if (line.IsSelected && HasColours)
            writer.Write(text, new Style(decoration: Decoration.Invert));
        else if (!HasColours)
            writer.Write(text);
        else
        {
            foreach (var span in line.Spans)
                writer.Write(span.Text, StyleOf(span.Tone));
        }
    }

    private void Write(Action<AnsiWriter> write)
    {
        // At once: terminals show what they have so far.
        var text = new StringWriter();
        write(new AnsiWriter(text, _capabilities));
        Console.Out.Write(text.ToString());
        Console.Out.Flush();
    }

    private void OnProcessExit(object? sender, EventArgs e) => Leave();

    /// <summary>Since .NET 10, a signal ends the process without ProcessExit.</summary>
    private bool OnSignal(PosixSignal signal)
    {
        try
        {
            Leave();
        }
        catch (IOException)
        {
            // After SIGHUP there may be no terminal any more.
        }
        return false;
    }
}
