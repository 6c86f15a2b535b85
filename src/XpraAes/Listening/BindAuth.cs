namespace XpraAes.Listening;

/// <summary>One <c>auth=</c> of the bind options: an xpra authentication module and its options, which may hold a password.</summary>
internal sealed class BindAuth
{
    private BindAuth(string module, IReadOnlyDictionary<string, string> options)
    {
        Module = module;
        Options = options;
    }

    /// <summary>xpra's name for the module: <c>file</c>, <c>password</c>, <c>env</c>…</summary>
    internal string Module { get; }

    internal IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>Reads <c>module</c>, <c>module:name=value</c>, <c>module,name=value,…</c> or <c>module(name=value,…)</c>.</summary>
    internal static BindAuth Parse(string text)
    {
        var options = new Dictionary<string, string>();
        var end = text.AsSpan().IndexOfAny(":,(");
        if (end < 0)
            return new BindAuth(text, options);
        var list = text[end] == '(' && text.EndsWith(')') ? text[(end + 1)..^1] : text[(end + 1)..];
        foreach (var (name, value) in BindOptions.SplitList(list))
            options[name] = value;
        return new BindAuth(text[..end], options);
    }

    /// <summary>Only the module's name.</summary>
    public override string ToString() => Module;
}
