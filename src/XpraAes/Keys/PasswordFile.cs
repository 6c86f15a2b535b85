using XpraAes.Listening;

namespace XpraAes.Keys;

/// <summary>Password files, as xpra reads them: every byte counts, a newline at the end too (PROTOCOL section 9).</summary>
internal static class PasswordFile
{
    /// <summary>The password in the file. Throws PasswordFileUnreadable.</summary>
    internal static SecretBuffer Read(string path)
    {
        try
        {
            // Without a buffer of its own, the stream reads into ours and nowhere else.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            using var content = new SecretBuffer(Limits.KeyFileSize + 1);
            var length = file.ReadAtLeast(content.Span, content.Length, throwOnEndOfStream: false);
            if (length is 0 or > Limits.KeyFileSize)
                throw Error(path, $"The password file {path} holds {(length == 0 ? "nothing" : $"more than {Limits.KeyFileSize} bytes")}.");
            return new SecretBuffer(content.Span[..length]);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw Error(path, $"The password file {path} cannot be read: {e.Message}", e);
        }
    }

    private static XpraAesException Error(string path, string message, Exception? inner = null)
        => new(XpraErrorId.PasswordFileUnreadable, message, "Check the path and who may read it.", inner) { Target = path };
}
