using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.PowerShell.Commands;

namespace XpraAes.PowerShell.Configuration;

/// <summary>Finds every mistake of a configuration at once, without starting anything: those of its text, and those of the files, addresses and keys that it names.</summary>
internal static class ConfigurationCheck
{
    // Parameters that mean something together only.
    private static readonly string[][] s_groups =
    [
        [nameof(StartXpraAesListenerCommand.KeyFile), nameof(StartXpraAesListenerCommand.KeyData), nameof(StartXpraAesListenerCommand.PasswordFile), nameof(StartXpraAesListenerCommand.Credential)],
        [nameof(StartXpraAesListenerCommand.KeySize), nameof(StartXpraAesListenerCommand.Iterations), nameof(StartXpraAesListenerCommand.KeyHash)],
        [nameof(StartXpraAesListenerCommand.Certificate), nameof(StartXpraAesListenerCommand.CertificateKeyFile), nameof(StartXpraAesListenerCommand.CertificatePassword)],
        [nameof(StartXpraAesListenerCommand.Target), nameof(StartXpraAesListenerCommand.TargetKeyFile), nameof(StartXpraAesListenerCommand.AllowRequest)],
    ];

    /// <summary>The mistakes, in the order of their lines.</summary>
    /// <param name="path">A full path.</param>
    /// <exception cref="XpraAesException">ConfigurationUnreadable.</exception>
    /// <param name="outer">The running cmdlet.</param>
    public static IReadOnlyList<ConfigurationProblem> Run(string path, XpraCmdlet outer)
    {
        var configuration = ListenerConfiguration.Read(path);
        var problems = configuration.Problems.ToList();
        var whole = Try(configuration, outer, [.. configuration.Entries.Keys], needsKey: false);
        if (whole.Count > 0)
        {
            var groups = configuration.Entries.Keys.GroupBy(name => s_groups.FirstOrDefault(group => group.Contains(name)) ?? [name]).Select(group => group.ToArray());
            var parts = groups.SelectMany(names => Parts(configuration, outer, names)).ToArray();
            problems.AddRange(parts);
            // What shows only when all of them are put together, as long as the parts are right.
            if (!problems.Any(problem => problem.Severity == ConfigurationSeverity.Error))
                problems.AddRange(whole.Where(problem => !parts.Any(part => part.Message == problem.Message)));
        }
        // A warning about routes would be there for each of thousands.
        return [.. problems.OrderBy(problem => problem.Line).DistinctBy(problem => (problem.Severity == ConfigurationSeverity.Warning ? 0 : problem.Line, problem.Message))];
    }

    /// <summary>A group of parameters by itself; of several values of a parameter, each by itself.</summary>
    private static IEnumerable<ConfigurationProblem> Parts(ListenerConfiguration configuration, XpraCmdlet outer, string[] names)
    {
        var needsKey = !names.Contains(nameof(StartXpraAesListenerCommand.KeyFile)) && !names.Contains(nameof(StartXpraAesListenerCommand.KeyData));
        if (names is [nameof(StartXpraAesListenerCommand.Bind)])
        {
            // A bind may have its key from the parameters.
            names = [.. names, .. s_groups[0].Where(configuration.Entries.ContainsKey)];
            needsKey = false;
        }
        if (configuration.Entries[names[0]] is ConfigurationList { Items.Count: > 1 } list)
            return list.Items.SelectMany((item, index) => Try(configuration, outer, names, needsKey, names[0], index, item.Line));
        if (names[0] != nameof(StartXpraAesListenerCommand.Credential) && configuration.Entries[names[0]] is ConfigurationTable { Entries.Count: > 1 } table)
            return table.Entries.SelectMany(entry => Try(configuration, outer, names, needsKey, names[0], entry.Key, entry.Value.Line));
        return Try(configuration, outer, names, needsKey, names[0], null, configuration.Entries[names[0]].Line);
    }

    private static List<ConfigurationProblem> Try(ListenerConfiguration configuration, XpraCmdlet outer, IReadOnlyCollection<string> names, bool needsKey, string? name = null, object? only = null, int line = 1)
    {
        var found = new List<ConfigurationProblem>();
        void Report(ConfigurationSeverity severity, string message, string? action)
            => found.Add(new ConfigurationProblem { Path = configuration.Path, Line = line, Name = name, Severity = severity, Message = configuration.Mask(message), RecommendedAction = action is null ? null : configuration.Mask(action) });

        using var command = new StartXpraAesListenerCommand { Outer = outer, WarningSink = text => Report(ConfigurationSeverity.Warning, text, null) };
        try
        {
            configuration.ApplyTo(command, names, only);
            if (needsKey)
                command.Key = XpraKey.Generate();
            command.Prepare();
            foreach (var options in command.ReadOptions())
                AesListener.Validate(options);
        }
        catch (XpraAesException e)
        {
            Report(ConfigurationSeverity.Error, e.Message, e.RecommendedAction);
        }
        return found;
    }
}
