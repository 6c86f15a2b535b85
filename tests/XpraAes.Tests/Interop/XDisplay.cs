using System.Buffers.Binary;
using System.Globalization;

namespace XpraAes.Tests.Interop;

/// <summary>An X server without a screen: windows and keys by xdotool, the picture from its framebuffer file.</summary>
internal sealed class XDisplay(XpraProgram program, string folder) : IAsyncDisposable
{
    /// <summary>For example <c>:5</c>.</summary>
    public string Name => NameIn(program.Output) ?? throw new InvalidOperationException($"Xvfb did not start:\n{program.Output}");

    /// <summary>The display in Xvfb's output; null if not written yet.</summary>
    public static string? NameIn(string output)
        => Array.Find(output.Split('\n'), line => int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out _)) is { } number ? $":{number}" : null;

    /// <summary>The id of the first visible window with this title, or null.</summary>
    public async Task<string?> FindWindowAsync(string title)
    {
        await using var search = Tool("search", "--onlyvisible", "--name", title);
        return await search.WaitForExitAsync() == 0 ? search.Output.Split('\n')[0] : null;
    }

    /// <summary>The id of the first visible window with this title, once the client shows it. Fails if the client ends.</summary>
    public async Task<string> WaitForWindowAsync(string title, XpraProgram client)
    {
        while (true)
        {
            Assert.False(client.HasExited, client.Output);
            if (await FindWindowAsync(title) is { } window)
                return window;
        }
    }

    /// <summary>Puts pointer and focus into a window.</summary>
    public async Task FocusAsync(string window)
    {
        await using var focus = Tool("mousemove", "--window", window, "40", "40", "windowfocus", window);
        await focus.WaitForExitAsync();
    }

    /// <summary>Types into the window that has the focus.</summary>
    public async Task TypeAsync(string text)
    {
        await using var typing = Tool("type", "--delay", "40", text);
        Assert.Equal(0, await typing.WaitForExitAsync());
    }

    /// <summary>
    /// The picture by rows of pixels, 0xRRGGBB each. The file is in X's window dump format: 25 big endian words, of which the size of the
    /// header, width, height, bits per pixel, bytes per row and the number of colours count here, then 12 bytes for each colour, then the rows.
    /// </summary>
    public int[][] TakePicture()
    {
        var dump = File.ReadAllBytes(Path.Combine(folder, "Xvfb_screen0"));
        int Word(int index) => BinaryPrimitives.ReadInt32BigEndian(dump.AsSpan(4 * index));
        var (width, height, bitsPerPixel, rowSize) = (Word(4), Word(5), Word(11), Word(12));
        Assert.Equal(32, bitsPerPixel);
        var rows = Word(0) + 12 * Word(19);
        return [.. Enumerable.Range(0, height).Select(y => Enumerable.Range(0, width).Select(x =>
            BinaryPrimitives.ReadInt32LittleEndian(dump.AsSpan(rows + y * rowSize + 4 * x)) & 0xffffff).ToArray())];
    }

    public ValueTask DisposeAsync() => program.DisposeAsync();

    private XpraProgram Tool(params string[] arguments) => XpraProgram.Start(folder, "xdotool", arguments, display: Name);
}
