namespace XpraAes.Administration;

/// <summary>Writes pictures that servers send.</summary>
internal static class ImageFile
{
    /// <summary>Writes a file completely or not at all.</summary>
    /// <exception cref="XpraAesException">MalformedPacket: the data is not a picture; FileExists, unless it may be replaced; FileUnwritable.</exception>
    public static async Task WriteAsync(string path, Screenshot picture, bool replace, CancellationToken cancellationToken)
    {
        if (!IsPicture(picture.Data))
            throw new XpraAesException(XpraErrorId.MalformedPacket, "The server sent something else than a PNG or JPEG picture.") { Target = path };
        try
        {
            if (!replace && File.Exists(path))
                throw Exists(path);
            var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
            try
            {
                await File.WriteAllBytesAsync(temporary, picture.Data, cancellationToken).ConfigureAwait(false);
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

    private static bool IsPicture(ReadOnlySpan<byte> data) => data.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || data.StartsWith((ReadOnlySpan<byte>)[0xff, 0xd8, 0xff]);

    private static XpraAesException Exists(string path) => new(XpraErrorId.FileExists, $"The file '{path}' exists.", "Use -Force to replace it.") { Target = path };
}
