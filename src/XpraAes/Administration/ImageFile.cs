namespace XpraAes.Administration;

/// <summary>Writes pictures that servers send.</summary>
internal static class ImageFile
{
    /// <summary>Writes a file completely or not at all.</summary>
    /// <exception cref="XpraAesException">MalformedPacket: the data is not a picture; and as <see cref="OutputFile.WriteAsync"/>.</exception>
    public static Task WriteAsync(string path, Screenshot picture, bool replace, CancellationToken cancellationToken)
        => IsPicture(picture.Data)
            ? OutputFile.WriteAsync(path, picture.Data, replace, cancellationToken)
            : throw new XpraAesException(XpraErrorId.MalformedPacket, "The server sent something else than a PNG or JPEG picture.") { Target = path };

    private static bool IsPicture(ReadOnlySpan<byte> data) => data.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || data.StartsWith((ReadOnlySpan<byte>)[0xff, 0xd8, 0xff]);
}
