using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using XpraAes.Keys;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>
/// The files of a folder, as HTTP serves them. No listing, no hidden files, nothing outside the folder, and no file that only its owner
/// may read: such a file, a key for example, was not meant for everyone.
/// </summary>
internal sealed class WebRoot
{
    /// <summary>Debian's packages link from their pages to the JavaScript libraries here, which are for every web server to give out.</summary>
    private const string SharedScripts = "/usr/share/javascript";

    private static readonly Dictionary<string, string> s_types = new(StringComparer.OrdinalIgnoreCase)
    {
        [".html"] = "text/html; charset=utf-8",
        [".htm"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".mjs"] = "text/javascript; charset=utf-8",
        [".json"] = "application/json",
        [".map"] = "application/json",
        [".webmanifest"] = "application/manifest+json",
        [".txt"] = "text/plain; charset=utf-8",
        [".xml"] = "text/xml; charset=utf-8",
        [".wasm"] = "application/wasm",
        [".png"] = "image/png",
        [".jpg"] = "image/jpeg",
        [".jpeg"] = "image/jpeg",
        [".gif"] = "image/gif",
        [".svg"] = "image/svg+xml",
        [".ico"] = "image/x-icon",
        [".webp"] = "image/webp",
        [".avif"] = "image/avif",
        [".cur"] = "image/x-icon",
        [".mp3"] = "audio/mpeg",
        [".ogg"] = "audio/ogg",
        [".wav"] = "audio/wav",
        [".mp4"] = "video/mp4",
        [".webm"] = "video/webm",
        [".woff"] = "font/woff",
        [".woff2"] = "font/woff2",
        [".ttf"] = "font/ttf",
        [".otf"] = "font/otf",
        [".eot"] = "application/vnd.ms-fontobject",
        [".pdf"] = "application/pdf",
    };

    private static readonly (string Encoding, string Extension)[] s_compressed = [("br", ".br"), ("gzip", ".gz")];

    private static readonly SearchValues<char> s_inNoName = SearchValues.Create("\\%:*?\"<>|");

    private readonly string _folder;
    private readonly string[] _allowed;

    public WebRoot(string folder)
    {
        _folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        _allowed = [RealPath(_folder) ?? _folder, SharedScripts];
    }

    /// <summary>The folders in which xpra's packages install the browser client.</summary>
    public static IReadOnlyList<string> Known { get; } = ["/usr/share/xpra/www", "/usr/share/www/xpra"];

    /// <summary>How others can change the folder or its first page, and so read the keys that people type into it.</summary>
    public static IReadOnlyList<KeyProblem> ProblemsOf(string folder)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
            return [];
        const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        return [.. UnixFile.Traverse(folder).Concat(UnixFile.Traverse(Path.Combine(folder, "index.html"))).Distinct()
            .Where(place => place.Status.Kind is FileKind.Folder or FileKind.File && (place.Status.Mode & OthersWrite) != 0 && (place.Status.Mode & UnixFileMode.StickyBit) == 0)
            .Select(place => KeyInspector.FolderOpenToOthers("browser client", place.Path, place.Status.Mode))];
    }

    /// <summary>The answer with the file of this URL path, percent-encoded; null if there is none.</summary>
    /// <param name="path">The path, which begins with a slash.</param>
    /// <param name="request">For conditions and encodings; null for the file as it is.</param>
    public WebAnswer? Find(string path, HttpHead? request)
    {
        if (Decode(path) is not { } names)
            return null;
        var file = Path.Combine([_folder, .. names]);
        var type = s_types.GetValueOrDefault(Path.GetExtension(file), "application/octet-stream");
        var accepted = request?.Field("Accept-Encoding").Split(',', StringSplitOptions.TrimEntries).Where(item => !item.EndsWith(";q=0", StringComparison.Ordinal)).Select(item => item.Split(';')[0]).ToArray() ?? [];
        var hasCompressed = false;
        foreach (var (encoding, extension) in s_compressed)
        {
            if (!File.Exists(file + extension))
                continue;
            hasCompressed = true;
            if (accepted.Contains(encoding, StringComparer.OrdinalIgnoreCase) && Open(file + extension) is { } compressed)
                return Answer(compressed, request!, [("Content-Type", type), ("Content-Encoding", encoding), ("Vary", "Accept-Encoding")]);
        }
        return Open(file) is not { } plain ? null : Answer(plain, request, hasCompressed ? [("Content-Type", type), ("Vary", "Accept-Encoding")] : [("Content-Type", type)]);
    }

    private static WebAnswer Answer(FileStream file, HttpHead? request, (string, string)[] fields)
    {
        var changed = File.GetLastWriteTimeUtc(file.SafeFileHandle);
        var tag = string.Create(CultureInfo.InvariantCulture, $"\"{changed.Ticks:x}-{file.Length:x}\"");
        fields = [.. fields, ("ETag", tag), ("Last-Modified", changed.ToString("r", CultureInfo.InvariantCulture))];
        if (request is null || !IsKnown(request, tag, changed))
            return new WebAnswer("200 OK", file, fields);
        file.Dispose();
        // Without a content there is no type to tell.
        return new WebAnswer("304 Not Modified", Stream.Null, fields[1..]);
    }

    /// <summary>Whether the browser has this version (RFC 9110 section 13.2.2: the tag counts more than the date).</summary>
    private static bool IsKnown(HttpHead request, string tag, DateTime changed)
    {
        if (request.Fields.TryGetValue("If-None-Match", out var tags))
            return tags == "*" || tags.Split(',', StringSplitOptions.TrimEntries).Select(one => one.StartsWith("W/", StringComparison.Ordinal) ? one[2..] : one).Contains(tag);
        return DateTimeOffset.TryParseExact(request.Field("If-Modified-Since"), "r", CultureInfo.InvariantCulture, DateTimeStyles.None, out var since)
            && changed < since.UtcDateTime.AddSeconds(1);
    }

    /// <summary>The names in a URL path; null for one that no file of ours has.</summary>
    private static string[]? Decode(string path)
    {
        var decoded = Uri.UnescapeDataString(path);
        // Decoded once: what is still encoded is part of a name, and none of ours has such characters.
        if (decoded.AsSpan().ContainsAny(s_inNoName) || decoded.Any(char.IsControl) || decoded.Contains('\uFFFD', StringComparison.Ordinal))
            return null;
        var names = decoded[1..].Split('/');
        return names.All(name => name.Length > 0 && name[0] != '.' && name[^1] is not ('.' or ' ')) ? names : null;
    }

    /// <summary>Opens a regular file that everyone may read, in the folder; null for anything else.</summary>
    private FileStream? Open(string path)
    {
        try
        {
            if (RealPath(path) is not { } real || !Array.Exists(_allowed, folder => real.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
                return null;
            if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
                return new FileStream(real, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, useAsync: true);
            var handle = UnixFile.OpenToRead(real);
            var status = UnixFile.StatusOf(handle);
            if (status.Kind == FileKind.File && status.Mode.HasFlag(UnixFileMode.OtherRead))
                return new FileStream(handle, FileAccess.Read, bufferSize: 0);
            handle.Dispose();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The path without symbolic links; null if there is nothing, or more links than any folder has.</summary>
    private static string? RealPath(string path)
    {
        const int MostLinks = 40; // as Linux
        var links = 0;
        var rest = new Stack<string>(path.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).AsEnumerable().Reverse());
        var real = Path.GetPathRoot(path)!;
        while (rest.TryPop(out var name))
        {
            if (name == ".")
                continue;
            if (name == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
                continue;
            }
            var next = Path.Combine(real, name);
            FileSystemInfo info = Directory.Exists(next) ? new DirectoryInfo(next) : new FileInfo(next);
            if (info.LinkTarget is { } target)
            {
                if (++links > MostLinks)
                    return null;
                if (Path.IsPathRooted(target))
                    real = Path.GetPathRoot(target)!;
                foreach (var part in target.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).AsEnumerable().Reverse())
                    rest.Push(part);
                continue;
            }
            if (!info.Exists)
                return null;
            real = next;
        }
        return real;
    }
}
