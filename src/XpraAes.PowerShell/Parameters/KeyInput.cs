using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>The key parameters of a cmdlet, in any form. Not a record, whose ToString would print the key.</summary>
internal sealed class KeyInput(XpraCmdlet cmdlet)
{
    public XpraKey? Key { get; init; }

    public string? KeyData { get; init; }

    public string[]? KeyFile { get; init; }

    public bool IsGiven => Key is not null || KeyData is not null || KeyFile is not null;

    /// <summary>The keys to use, several only for several key files. The caller disposes of them. Warns about each of their problems. Throws as <see cref="KeySelection.Resolve"/>.</summary>
    public IReadOnlyList<XpraKey> Resolve(XpraKey? optionKey = null, string? optionKeyFile = null, SecretBuffer? password = null)
    {
        if (optionKey is null && optionKeyFile is null && Key is null && KeyData is null && KeyFile is { Length: > 1 } several)
            return ReadFiles(cmdlet, several);
        var key = Resolve(cmdlet, new KeySelection
        {
            Key = Key,
            OptionKey = optionKey,
            KeyData = KeyData,
            OptionKeyFile = optionKeyFile is null ? null : FilePath.Resolve(cmdlet, optionKeyFile),
            KeyFile = KeyFile is [var path, ..] ? FilePath.Resolve(cmdlet, path) : null,
            Password = password,
        });
        if (key.KeySource == KeySource.KeyData && KeyText.XpraReadsDifferently(KeyData!) is { } difference)
            cmdlet.WarnOnce(difference);
        return [key];
    }

    /// <summary>The keys of these files, as <see cref="Resolve(XpraKey?, string?, SecretBuffer?)"/>.</summary>
    public static IReadOnlyList<XpraKey> ReadFiles(XpraCmdlet cmdlet, IEnumerable<string> paths)
    {
        var keys = new List<XpraKey>();
        try
        {
            foreach (var path in paths)
                keys.Add(Resolve(cmdlet, new KeySelection { KeyFile = FilePath.Resolve(cmdlet, path) }));
            return keys;
        }
        catch
        {
            foreach (var key in keys)
                key.Dispose();
            throw;
        }
    }

    private static XpraKey Resolve(XpraCmdlet cmdlet, KeySelection selection)
    {
        var key = selection.Resolve();
        foreach (var problem in key.Problems)
            cmdlet.WarnOnce($"{problem.Message} {problem.RecommendedAction}");
        return key;
    }
}
