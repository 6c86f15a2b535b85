namespace XpraAes;

/// <summary>Writes files that hold no secrets. <see cref="PrivateFile"/> is for the others.</summary>
internal static class OutputFile
{
    /// <summary>Writes a file completely or not at all.</summary>
    /// <exception cref="XpraAesException">FileExists, unless it may be replaced; FileUnwritable.</exception>
    public static async Task WriteAsync(string path, byte[] content, bool replace, CancellationToken cancellationToken)
    {
        try
        {
            if (!replace && File.Exists(path))
                throw Exists(path);
            var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
            try
            {
                await File.WriteAllBytesAsync(temporary, content, cancellationToken).ConfigureAwait(false);
                File.Move(temporary, path, replace);
            }
            catch (IOException) when (!replace && File.Exists(path))
            {
                throw Exists(path);
            }
            finally
            {
                File.Delete(temporary);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new XpraAesException(XpraErrorId.FileUnwritable, $"The file '{path}' cannot be written: {e.Message}", "Check that its folder exists, and that you may write there.", e) { Target = path };
        }
    }

    private static XpraAesException Exists(string path) => new(XpraErrorId.FileExists, $"The file '{path}' exists.", "Use -Force to replace it.") { Target = path };
}
