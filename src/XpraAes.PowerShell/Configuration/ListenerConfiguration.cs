using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using System.Security;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.PowerShell.Commands;

namespace XpraAes.PowerShell.Configuration;

/// <summary>
/// The configuration of a listener from a file: the parameters of Start-XpraAesListener by name. Relative paths are relative to the file's folder.
/// Secrets are in files of their own or in environment variables, never in the configuration.
/// </summary>
internal sealed class ListenerConfiguration
{
    /// <summary>An editor's schema for JSON files.</summary>
    private const string SchemaName = "$schema";

    private static readonly string[] s_notForFiles = [nameof(StartXpraAesListenerCommand.ConfigurationPath), nameof(StartXpraAesListenerCommand.Wait), nameof(StartXpraAesListenerCommand.Key)];

    private static readonly string[] s_secrets = [nameof(StartXpraAesListenerCommand.KeyData), nameof(StartXpraAesListenerCommand.CertificatePassword)];

    private readonly Dictionary<PropertyInfo, object?> _values = [];
    private readonly Dictionary<string, ConfigurationValue> _entries = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<ConfigurationProblem> _problems = [];

    private ListenerConfiguration(string path) => Path = path;

    /// <summary>The parameters that a file can have, by name.</summary>
    public static IReadOnlyDictionary<string, PropertyInfo> Parameters { get; } = typeof(StartXpraAesListenerCommand).GetProperties()
        .Where(property => property.IsDefined(typeof(ParameterAttribute)) && !s_notForFiles.Contains(property.Name))
        .ToDictionary(property => property.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>The full path of the file.</summary>
    public string Path { get; }

    /// <summary>The mistakes that show without reading other files.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _problems;

    /// <summary>The values by name, with their lines.</summary>
    public IReadOnlyDictionary<string, ConfigurationValue> Entries => _entries;

    /// <summary>Reads a file, and every mistake in its syntax, names and types.</summary>
    /// <param name="path">A full path.</param>
    /// <exception cref="XpraAesException">ConfigurationUnreadable.</exception>
    public static ListenerConfiguration Read(string path)
    {
        var configuration = new ListenerConfiguration(path);
        var (table, problems) = ConfigurationReader.Read(path);
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            configuration._problems.Add(new ConfigurationProblem { Path = path, Line = 1, Severity = ConfigurationSeverity.Warning, Message = $"Others can write {path}, and so decide where sessions go.", RecommendedAction = $"chmod go-w '{path}'" });
        configuration._problems.AddRange(problems);
        foreach (var (name, value) in table.Entries)
            configuration.Add(name, value);
        configuration.RequireOneSet();
        return configuration;
    }

    /// <summary>Requires that -ConfigurationPath was given with nothing but the common parameters and these: what a listener does is what its file says.</summary>
    /// <exception cref="XpraAesException">InvalidOption.</exception>
    public static void RequireAlone(InvocationInfo invocation, params string[] companions)
    {
        string[] allowed = [.. companions, .. Cmdlet.CommonParameters, .. Cmdlet.OptionalCommonParameters, nameof(StartXpraAesListenerCommand.ConfigurationPath)];
        if (invocation.BoundParameters.Keys.FirstOrDefault(name => !allowed.Contains(name)) is { } along)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"-{along} goes along with no -ConfigurationPath.", "Write it into the file.");
    }

    /// <summary>Sets the parameters of a command to the file's values.</summary>
    /// <param name="command">The command.</param>
    /// <param name="names">The parameters to set; null for all.</param>
    /// <param name="only">Of the first of them, the index or the name of the only value to set; null for all.</param>
    public void ApplyTo(StartXpraAesListenerCommand command, IReadOnlyCollection<string>? names = null, object? only = null)
    {
        command.BaseFolder = System.IO.Path.GetDirectoryName(Path);
        foreach (var (property, value) in _values)
        {
            if (names is null || names.Contains(property.Name))
                property.SetValue(command, only is not null && property.Name == names!.First() ? Only(value, only) : value);
        }
    }

    /// <summary>A message without the values that come from the environment, which may be secret: their variables' names instead.</summary>
    public string Mask(string message)
    {
        // Shorter ones are no secrets, and would be found in other words.
        const int Shortest = 4;
        foreach (var scalar in _entries.Values.SelectMany(Scalars))
        {
            if (scalar is { Variable: not null, Value: string { Length: >= Shortest } value })
                message = message.Replace(value, $"$env:{scalar.Variable}", StringComparison.Ordinal);
        }
        return message;
    }

    /// <summary>Reads parameters; the errors do not contain the values that come from the environment.</summary>
    public T Masked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (XpraAesException e) when (Mask(e.Message) != e.Message || e.Target is { } target && Mask(target) != target)
        {
            // Without the inner exception, whose message has them too.
            throw new XpraAesException(e.Id, Mask(e.Message), e.RecommendedAction is null ? null : Mask(e.RecommendedAction)) { Target = e.Target is null ? null : Mask(e.Target) };
        }
    }

    /// <summary>Gives a listener this configuration for new connections, all of it or nothing. False if <paramref name="confirm"/> says no.</summary>
    /// <param name="listener">The listener.</param>
    /// <param name="outer">The running cmdlet.</param>
    /// <param name="warn">Gets the warnings.</param>
    /// <param name="confirm">Asked before anything changes; null for yes.</param>
    /// <exception cref="XpraAesException">ConfigurationInvalid, InvalidOption for what needs a restart, and the errors of the files that it names; then nothing has changed.</exception>
    public bool Replace(AesListener listener, XpraCmdlet outer, Action<string> warn, Func<bool>? confirm = null)
    {
        warn = WithoutValues(warn);
        RequireNoErrors(warn);
        using var command = new StartXpraAesListenerCommand { WarningSink = warn, Outer = outer };
        ApplyTo(command);
        var options = Masked(() =>
        {
            command.Prepare();
            return command.ReadOptions();
        });
        if (listener.Files is { } files && command.Files != files)
            throw new XpraAesException(XpraErrorId.InvalidOption, "LogPath, AuditLogPath and ManagementAddress cannot change while the listener runs.", "Restart it, or write what it was started with.");
        if (confirm?.Invoke() == false)
            return false;
        return Masked(() =>
        {
            listener.Reconfigure(options);
            return true;
        });
    }

    /// <summary>Passes on the warnings among the <see cref="Problems"/>.</summary>
    /// <exception cref="XpraAesException">ConfigurationInvalid if there are errors among them.</exception>
    public void RequireNoErrors(Action<string> warn)
    {
        foreach (var warning in _problems.Where(problem => problem.Severity == ConfigurationSeverity.Warning))
            warn($"{warning.Message} {warning.RecommendedAction}");
        var errors = _problems.Where(problem => problem.Severity == ConfigurationSeverity.Error).ToArray();
        if (errors.Length == 0)
            return;
        var more = errors.Length == 1 ? "" : $" (and {errors.Length - 1} more)";
        throw new XpraAesException(XpraErrorId.ConfigurationInvalid, $"{Path}, {errors[0]}{more}", "Test-XpraAesConfiguration shows every mistake with its line.") { Target = Path };
    }

    private Action<string> WithoutValues(Action<string> warn) => text => warn(Mask(text));

    /// <summary>What a bind says itself must not stand beside it, where it would mean nothing.</summary>
    private void RequireOneSet()
    {
        if (!_entries.ContainsKey(nameof(StartXpraAesListenerCommand.Bind)))
            return;
        foreach (var (name, value) in _entries)
        {
            if (Parameters[name].GetCustomAttribute<ParameterAttribute>()!.ParameterSetName == nameof(StartXpraAesListenerCommand.Port))
                Report(value, name, "It goes along with no Bind, which has an address, a port and a mode of its own.", "Write it into the bind options: 0.0.0.0:10000,encryption=AES-GCM.");
        }
    }

    private void Add(string name, ConfigurationValue value)
    {
        if (name == SchemaName)
            return;
        if (!Parameters.TryGetValue(name, out var property))
        {
            Report(value, name, s_notForFiles.Contains(name, StringComparer.OrdinalIgnoreCase) ? "This is for the command line only." : "There is no such parameter.", Suggest(name));
            return;
        }
        _entries[property.Name] = value;
        if (HoldsSecret(property.Name, value))
        {
            Report(value, property.Name, "A secret stands in the file.", "Put it into a file of its own that only the service can read, and give its path (KeyFile, PasswordFile); or write '$env:NAME' and set that variable.");
            return;
        }
        foreach (var missing in Scalars(value).Where(scalar => scalar is { Variable: not null, Value: null }))
            Report(missing, property.Name, $"The environment variable {missing.Variable} is not set.", "Set it for this process, or write the value itself if it is not secret.");
        if (Scalars(value).Any(scalar => scalar is { Variable: not null, Value: null }))
            return;
        try
        {
            _values[property] = Convert(property, value);
        }
        catch (Exception e) when (e is MetadataException or PSInvalidCastException or XpraAesException)
        {
            // What comes from the environment may be secret.
            var detail = Scalars(value).Any(scalar => scalar.Variable is not null) ? "" : $": {e.Message}";
            Report(value, property.Name, $"The value does not fit{detail}", null);
        }
    }

    private static object? Convert(PropertyInfo property, ConfigurationValue value)
    {
        if (property.PropertyType == typeof(PSCredential))
            return ToCredential(value);
        var given = value.ToObject();
        if (property.PropertyType == typeof(SecureString))
            return ToSecureString(given as string ?? throw new PSInvalidCastException("It is not text."));
        if (given is null)
            throw new PSInvalidCastException("It is null. Leave the name out for the default.");
        foreach (var transformation in property.GetCustomAttributes<ArgumentTransformationAttribute>())
            given = transformation.Transform(null!, given);
        var converted = LanguagePrimitives.ConvertTo(given, property.PropertyType, CultureInfo.InvariantCulture);
        foreach (var validation in property.GetCustomAttributes<ValidateArgumentsAttribute>())
            Validate(validation, converted);
        return converted;
    }

    private static object? Only(object? values, object only) => values switch
    {
        IDictionary table => new Hashtable { [only] = table[only] },
        Array array when array.GetValue((int)only) is { } item => ArrayOf(item, array.GetType().GetElementType()!),
        _ => values,
    };

    private static Array ArrayOf(object item, Type type)
    {
        var array = Array.CreateInstance(type, 1);
        array.SetValue(item, 0);
        return array;
    }

    // As the engine does; the method is protected.
    private static void Validate(ValidateArgumentsAttribute validation, object? value)
    {
        try
        {
            typeof(ValidateArgumentsAttribute).GetMethod("Validate", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(validation, [value, null]);
        }
        catch (TargetInvocationException e) when (e.InnerException is MetadataException inner)
        {
            throw inner;
        }
    }

    private static PSCredential ToCredential(ConfigurationValue value)
    {
        if (value is ConfigurationTable { Entries: var entries } && entries.Count == 2 && Text("UserName") is { } user && Text("Password") is { } password)
            return new PSCredential(user, ToSecureString(password));
        throw new PSInvalidCastException("Write @{ UserName = 'ada'; Password = '$env:NAME' }.");

        string? Text(string name) => entries.FirstOrDefault(entry => entry.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value?.ToObject() as string;
    }

    private static SecureString ToSecureString(string text)
    {
        var secret = new SecureString();
        foreach (var character in text)
            secret.AppendChar(character);
        return secret;
    }

    /// <summary>Whether a secret stands in the file itself. Text that cannot be parsed is judged when it is used.</summary>
    private static bool HoldsSecret(string name, ConfigurationValue value)
    {
        bool InFile(Func<ConfigurationScalar, bool> isSecret) => Scalars(value).Any(scalar => scalar is { Variable: null, Value: string } && isSecret(scalar));
        if (s_secrets.Contains(name))
            return InFile(_ => true);
        return name switch
        {
            nameof(StartXpraAesListenerCommand.Credential) => value is not ConfigurationTable table
                || table.Entries.Any(entry => entry.Key.Equals("Password", StringComparison.OrdinalIgnoreCase) && entry.Value is not ConfigurationScalar { Variable: not null }),
            nameof(StartXpraAesListenerCommand.Bind) => InFile(scalar => BindHoldsSecret((string)scalar.Value!)),
            nameof(StartXpraAesListenerCommand.Target) => InFile(scalar => UriHoldsSecret((string)scalar.Value!)),
            _ => false,
        };
    }

    private static bool BindHoldsSecret(string text)
    {
        try
        {
            using var bind = BindOptions.Parse(text);
            return bind.Key is not null || bind.CertificatePassword is not null || bind.Auth.Any(auth => auth.Module == "password");
        }
        catch (XpraAesException)
        {
            return false;
        }
    }

    private static bool UriHoldsSecret(string text)
    {
        // Most of thousands of routes have neither a user nor options.
        if (text.StartsWith("tcp://", StringComparison.Ordinal) && !text.AsSpan().ContainsAny('@', '='))
            return false;
        try
        {
            using var uri = XpraUri.Parse(text);
            return uri.Key is not null || uri.Password is not null;
        }
        catch (XpraAesException)
        {
            return false;
        }
    }

    private static IEnumerable<ConfigurationScalar> Scalars(ConfigurationValue value) => value switch
    {
        ConfigurationScalar scalar => [scalar],
        ConfigurationList list => list.Items.SelectMany(Scalars),
        ConfigurationTable table => table.Entries.SelectMany(entry => Scalars(entry.Value)),
        _ => [],
    };

    private void Report(ConfigurationValue at, string? name, string message, string? action)
        => _problems.Add(new ConfigurationProblem { Path = Path, Line = at.Line, Name = name, Message = message, RecommendedAction = action });

    private static string Suggest(string name)
    {
        var near = Parameters.Keys.Where(known => Distance(known.ToUpperInvariant(), name.ToUpperInvariant()) <= Math.Max(2, name.Length / 4)).ToArray();
        return near.Length > 0 ? $"Is it {string.Join(" or ", near)}?" : "The names are those of the parameters of Start-XpraAesListener.";
    }

    // Levenshtein's.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
