using System.Management.Automation;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>A password out of -Credential or -PasswordFile.</summary>
internal static class PasswordInput
{
    /// <summary>The password, a new one that the caller disposes of; null where neither is given. Throws InvalidOption where both are, PasswordFileUnreadable.</summary>
    public static SecretBuffer? Resolve(XpraCmdlet cmdlet, PSCredential? credential, string? passwordFile)
    {
        if (credential is not null && passwordFile is not null)
            throw new XpraAesException(XpraErrorId.InvalidOption, "-Credential and -PasswordFile both give a password.", "Leave one of them out.");
        if (credential is not null)
            return SecretText.ToUtf8(credential.Password);
        return passwordFile is null ? null : Read(cmdlet, passwordFile);
    }

    /// <summary>The password in a file, with a warning where a newline is part of it, and where others can read or replace it. Throws PasswordFileUnreadable.</summary>
    public static SecretBuffer Read(XpraCmdlet cmdlet, string path)
    {
        var full = FilePath.Resolve(cmdlet, path);
        var password = PasswordFile.Read(full, out var problems);
        foreach (var problem in problems)
            cmdlet.WarnOnce($"{problem.Message} {problem.RecommendedAction}");
        if (password.Span[^1] is (byte)'\n')
            cmdlet.WarnOnce($"The password in {full} ends in a newline, which xpra takes for part of it. Write the file without one.");
        return password;
    }
}
