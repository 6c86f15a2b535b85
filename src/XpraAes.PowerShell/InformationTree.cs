using System.Management.Automation;
using XpraAes.Administration;
using XpraAes.Encodings;

namespace XpraAes.PowerShell;

/// <summary>Converts a server's information, which is untrusted, to objects for scripts.</summary>
internal static class InformationTree
{
    /// <summary>The type name of a server's whole information, which its view selects by.</summary>
    public const string TypeName = "XpraAes.ServerInformation";

    // The engine's own views of an object, which a property must not replace.
    private static readonly HashSet<string> s_reserved = new(StringComparer.OrdinalIgnoreCase) { "PSObject", "PSBase", "PSAdapted", "PSExtended", "PSTypeNames" };

    /// <summary>The whole tree, with the server's URI as the property Endpoint.</summary>
    public static PSObject Root(XpraDictionary tree, string server)
    {
        var root = ToObject(tree, ("Endpoint", server));
        root.TypeNames.Insert(0, TypeName);
        return root;
    }

    /// <summary>A value as scripts see it: dictionaries as objects, lists as arrays, text without control characters, numbers as they are.</summary>
    public static object? ToValue(object? value) => value switch
    {
        XpraDictionary dictionary => ToObject(dictionary),
        object?[] items => Array.ConvertAll(items, ToValue),
        _ => ServerText.Lines(value) ?? value,
    };

    /// <summary>
    /// A dictionary with a property for each key, in its order. The empty key, the value of the node itself, becomes <c>count</c> if it is an integer and
    /// otherwise <c>value</c>. Names that would hide another, as they differ only in case, get an underscore.
    /// </summary>
    internal static PSObject ToObject(XpraDictionary dictionary, (string Name, object Value)? first = null)
    {
        var result = new PSObject();
        // For each name the number of the next one like it: a server may send very many keys that differ only in case.
        var names = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        if (first is { } own)
            Add(own.Name, own.Value);
        foreach (var (key, value) in dictionary)
        {
            var name = ServerInformation.NameOf(key);
            Add(name.Length > 0 ? name : value is long ? "count" : "value", value);
        }
        return result;

        void Add(string name, object? value)
        {
            var unique = name;
            while (s_reserved.Contains(unique) || !names.TryAdd(unique, 1))
            {
                var number = names.GetValueOrDefault(name, 1);
                names[name] = number + 1;
                unique = number == 1 ? $"{name}_" : $"{name}_{number}";
            }
            result.Properties.Add(value is XpraDictionary part ? new LazyProperty(unique, part) : new PSNoteProperty(unique, ToValue(value)), preValidated: true);
        }
    }
}
