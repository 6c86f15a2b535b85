namespace XpraAes.Shell;

/// <summary>What follows a script's path, as PowerShell's own -File reads it: -Name value, -Name:value, -Switch, or a positional value.</summary>
internal static class ScriptArguments
{
    public static (Dictionary<string, object> Named, List<object> Positional) Parse(IReadOnlyList<string> arguments)
    {
        Dictionary<string, object> named = new(StringComparer.OrdinalIgnoreCase);
        List<object> positional = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            if (!IsName(arguments[i]))
            {
                positional.Add(arguments[i]);
                continue;
            }

            string name = arguments[i][1..];
            int colon = name.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                named[name[..colon]] = Value(name[(colon + 1)..]);
            }
            else if (i + 1 < arguments.Count && !IsName(arguments[i + 1]))
            {
                named[name] = arguments[++i];
            }
            else
            {
                named[name] = true;
            }
        }

        return (named, positional);
    }

    // A negative number is a value.
    private static bool IsName(string argument) => argument.Length > 1 && argument[0] == '-' && (char.IsLetter(argument[1]) || argument[1] == '_');

    private static object Value(string text) => text.ToUpperInvariant() switch
    {
        "$TRUE" => true,
        "$FALSE" => false,
        _ => text,
    };
}
