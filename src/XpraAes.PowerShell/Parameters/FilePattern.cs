using System.Collections.Concurrent;
using System.Management.Automation;
using XpraAes.Administration;
using XpraAes.Transports;

namespace XpraAes.PowerShell;

/// <summary>A path with placeholders, which gives each server a file of its own. In a folder that exists, the file is HOST-PORT and the extension.</summary>
internal sealed class FilePattern
{
    private const string HiddenStart = "{0\uE000";

    private readonly ConcurrentDictionary<string, string> _claimed = new();
    private readonly DateTime _now = DateTime.Now;
    private readonly string _pattern;

    /// <summary>A pattern with the placeholders of <see cref="FileNames"/>, and an extension with its dot. Throws InvalidOption.</summary>
    public FilePattern(PSCmdlet cmdlet, string path, string extension)
    {
        // The engine would take what precedes a colon for a drive.
        _pattern = FilePath.Resolve(cmdlet, path.Replace("{0:", HiddenStart, StringComparison.Ordinal)).Replace(HiddenStart, "{0:", StringComparison.Ordinal);
        if (Directory.Exists(_pattern))
            _pattern = Path.Combine(_pattern, $"{{0:host}}-{{0:port}}{extension}");
    }

    /// <summary>The full path for a server. Throws InvalidOption.</summary>
    public string PathFor(XpraEndpoint server) => FileNames.Expand(_pattern, server, _now);

    /// <summary>As <see cref="PathFor"/>, once for each file. Throws FileExists if it is another server's.</summary>
    public string Claim(XpraEndpoint server)
    {
        var path = PathFor(server);
        return _claimed.GetOrAdd(path, $"{server}") is var other && other == $"{server}"
            ? path
            : throw new XpraAesException(XpraErrorId.FileExists, $"{server}: '{path}' is also the file of {other}.", "Put {0:host} and {0:port} into -Path.") { Target = $"{server}" };
    }
}
