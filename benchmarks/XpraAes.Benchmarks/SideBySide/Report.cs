using System.Globalization;
using System.Runtime.InteropServices;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Writes the results to docs/performance.md, between two markers.</summary>
internal static class Report
{
    private const string Begin = "<!-- measured: written by benchmarks/side-by-side.sh -->";
    private const string End = "<!-- end of what was measured -->";

    public static void Write(string path, Table table, GrowthTables growth)
    {
        var text = File.ReadAllText(path);
        int begin = text.IndexOf(Begin, StringComparison.Ordinal), end = text.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            throw new InvalidOperationException($"{path} has lost the marks that say where the figures go.");
        using var writer = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        writer.WriteLine(Begin);
        writer.WriteLine($"\n{Machine()}\n");
        writer.WriteLine("| what | ours | peer | ratio | goal | |");
        writer.WriteLine("|---|---|---|---|---|---|");
        foreach (var row in table.Rows)
            writer.WriteLine($"| {row.What} | {row.Ours} | {row.Peer} | {row.Ratio} | {row.Goal} | {Table.Word(row.Verdict)} |");
        growth.Print(writer);
        writer.WriteLine();
        File.WriteAllText(path, text[..begin] + writer + text[end..]);
    }

    /// <summary>The processor according to lscpu, and the versions of the compared programs.</summary>
    private static string Machine()
    {
        var processor = (Tools.Find("lscpu") is { } lscpu ? Tools.Run(lscpu) : null)?.Split('\n')
            .Select(line => line.Split(':', 2))
            .Where(parts => parts is ["Model name" or "CPU(s)" or "L3 cache" or "Hypervisor vendor", _])
            .Select(parts => $"{parts[0]} {parts[1].Trim()}") ?? [];
        string[] versions =
        [
            $".NET {Environment.Version}",
            RuntimeInformation.OSDescription,
            .. Tools.Find("openssl") is { } openSsl ? [Tools.Run(openSsl, "version")?.Trim() ?? ""] : Array.Empty<string>(),
        ];
        return $"Measured on: {string.Join("; ", processor.Concat(versions))}.";
    }
}
