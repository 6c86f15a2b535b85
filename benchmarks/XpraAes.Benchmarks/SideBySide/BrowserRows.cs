using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>What a browser uses: packets over wss, compared with stunnel as TLS server in front of the same target, and pages, compared with nginx.</summary>
internal static class BrowserRows
{
    private const int PageConnections = 8;

    /// <summary>The folder that Debian's xpra installs; where it is missing, one of the same size is made.</summary>
    private const string InstalledPages = "/usr/share/xpra/www";

    public static void Measure(Table table, Settings settings, int target)
    {
        var folder = Directory.CreateTempSubdirectory("xpraaes-pages-").FullName;
        try
        {
            CopyPages(folder);
            using var gateway = Chain.OfBrowserGateway(AesMode.CTR, target, folder);
            using (var cbc = Chain.OfBrowserGateway(AesMode.CBC, target, folder))
            using (var stunnel = Chain.OfStunnel(target, both: false))
                MeasurePackets(table, settings, [gateway, cbc], stunnel);
            using var nginx = Chain.OfNginx(folder);
            MeasurePages(table, settings, folder, gateway, nginx);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void MeasurePackets(Table table, Settings settings, Chain[] gateways, Chain? stunnel)
    {
        Chain[] chains = [.. gateways, .. stunnel is null ? Array.Empty<Chain>() : [stunnel]];
        ThroughputRows.WarmUp(chains, settings);
        foreach (var size in settings.PacketSizes)
        {
            var medians = settings.Medians([.. chains.Select(chain => ThroughputRows.Flood(chain, size, settings))]);
            double? peer = stunnel is null ? null : medians[^1];
            table.AtLeast($"wss and CTR to stunnel, {Sizes.Name(size)}", medians[0], peer, "MB/s", 1.0);
            table.AtLeast($"wss and CBC to stunnel, {Sizes.Name(size)}", medians[1], peer, "MB/s", null);
        }
    }

    private static void MeasurePages(Table table, Settings settings, string folder, Chain gateway, Chain? nginx)
    {
        var paths = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => "/" + string.Join('/', Path.GetRelativePath(folder, file).Split('/').Select(Uri.EscapeDataString))).Order(StringComparer.Ordinal).ToArray();
        Chain[] chains = [gateway, .. nginx is null ? Array.Empty<Chain>() : [nginx]];
        foreach (var chain in chains)
            PageLoad.Run(chain.Far!.Port, paths, PageConnections, settings.WarmUp);
        var medians = settings.Medians([.. chains.Select(chain => (Func<double>)(() => PageLoad.Run(chain.Far!.Port, paths, PageConnections, settings.Time)))]);
        table.AtLeast($"pages over TLS to nginx, {PageConnections} connections", medians[0], nginx is null ? null : medians[1], "MB/s", 0.5);
    }

    /// <summary>The files without links, which nginx's workers can read too.</summary>
    private static void CopyPages(string folder)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        var files = Directory.Exists(InstalledPages)
            ? Directory.EnumerateFiles(InstalledPages, "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(InstalledPages, file), File.ReadAllBytes(file)))
            : Enumerable.Range(0, 60).Select(i => ($"{i}.js", new byte[50_000])).Prepend(("index.html", new byte[50_000]));
        foreach (var (name, content) in files)
        {
            // Hidden files are not served, and the settings are our own.
            if (name.Split('/').Any(part => part.StartsWith('.')) || name == "default-settings.txt")
                continue;
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }
    }
}
