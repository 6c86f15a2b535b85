namespace XpraAes.Keys;

/// <summary>Password files, as xpra reads them: every byte counts, including a trailing newline (PROTOCOL section 9).</summary>
internal static class PasswordFile
{
    /// <summary>The password in the file, and how others can read or replace it. Throws PasswordFileUnreadable.</summary>
    internal static SecretBuffer Read(string path, out IReadOnlyList<KeyProblem> problems)
    {
        try
        {
            using var content = SecretFile.Read(path, "password file", out problems);
            if (content.Length is 0 or > Limits.KeyFileSize)
                throw Error(path, $"The password file {path} {(content.Length == 0 ? "is empty" : $"is larger than {Limits.KeyFileSize} bytes")}.");
            return content.Clone();
        }
        catch (NotSupportedException e)
        {
            throw Error(path, $"{path} {e.Message}.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw Error(path, $"The password file {path} cannot be read: {e.Message}", e);
        }
    }

    private static XpraAesException Error(string path, string message, Exception? inner = null)
        => new(XpraErrorId.PasswordFileUnreadable, message, "Check the path and who may read it.", inner) { Target = path };
}
