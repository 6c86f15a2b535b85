using System.Management.Automation;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>Reads the password of -Credential or -PasswordFile.</summary>
internal static class PasswordInput
{
    /// <summary>The password, which the caller disposes of; null if neither is given. Throws InvalidOption if both are given, PasswordFileUnreadable.</summary>
    public static SecretBuffer? Resolve(XpraCmdlet cmdlet, PSCredential? credential, string? passwordFile)
    {
        if (credential is not null && passwordFile is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Credential and -PasswordFile both give a password.", "Leave one of them out.");
        if (credential is not null)
            return SecretText.ToUtf8(credential.Password);
        return passwordFile is null ? null : Read(cmdlet, passwordFile);
    }

    /// <summary>The password in a file. Warns if it ends in a newline, or if other users can read or replace the file. Throws PasswordFileUnreadable.</summary>
    public static SecretBuffer Read(XpraCmdlet cmdlet, string path)
    {
        var full = FilePath.Resolve(cmdlet, path);
        var password = PasswordFile.Read(full, out var problems);
        foreach (var problem in problems)
            cmdlet.WarnOnce($"{problem.Message} {problem.RecommendedAction}");
        if (password.Span[^1] is (byte)'\n')
            cmdlet.WarnOnce($"The password in {full} ends in a newline, which xpra treats as part of it. Write the file without one.");
        return password;
    }
}
