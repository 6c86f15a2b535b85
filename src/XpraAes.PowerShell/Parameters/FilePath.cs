using System.Collections.ObjectModel;
using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Resolves paths as PowerShell does: relative to its current location, with ~ and its own drives.</summary>
internal static class FilePath
{
    private const string FileSystem = "FileSystem";

    /// <summary>The full path of a file, which need not exist; wildcards are taken literally. Throws InvalidOption.</summary>
    public static string Resolve(PSCmdlet cmdlet, string path)
    {
        if (cmdlet is XpraCmdlet { BaseFolder: { } folder })
            return Path.GetFullPath(path.StartsWith("~/", StringComparison.Ordinal) ? $"{Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)}{path[1..]}" : path, folder);
        try
        {
            var full = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
            return provider.Name == FileSystem ? full : throw NotAFile(path);
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException or ProviderInvocationException or NotSupportedException)
        {
            throw NotAFile(path, e);
        }
    }

    /// <summary>The full paths of the files, but not folders, that a path with wildcards matches; empty if there is no match. Throws InvalidOption.</summary>
    public static IReadOnlyList<string> Expand(PSCmdlet cmdlet, string pattern)
    {
        Collection<string> found;
        try
        {
            found = cmdlet.SessionState.Path.GetResolvedProviderPathFromPSPath(pattern, out var provider);
            if (provider.Name != FileSystem)
                throw NotAFile(pattern);
        }
        catch (ItemNotFoundException)
        {
            return [];
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException or ProviderInvocationException or NotSupportedException)
        {
            throw NotAFile(pattern, e);
        }
        return [.. found.Where(path => !Directory.Exists(path))];
    }

    /// <summary>As <see cref="Expand"/>; a path without wildcards stays, since it must exist.</summary>
    public static IReadOnlyList<string> ExpandOrKeep(PSCmdlet cmdlet, string path)
        => WildcardPattern.ContainsWildcardCharacters(path) && !File.Exists(Resolve(cmdlet, path)) ? Expand(cmdlet, path) : [path];

    private static XpraAesException NotAFile(string path, Exception? inner = null)
        => new(XpraErrorId.InvalidOption, $"{path} is not the path of a file.", "Give the path of a file, with a drive of the file system or none.", inner) { Target = path };
}
