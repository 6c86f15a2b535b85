using System.Management.Automation;
using XpraAes.Encodings;

namespace XpraAes.PowerShell;

/// <summary>A property whose value, a part of a server's information, becomes an object when it is first read: a tree may have millions of values, of which scripts read a few.</summary>
internal sealed class LazyProperty(string name, XpraDictionary part) : PSNoteProperty(name, null)
{
    private object? _value;
    private bool _isReplaced;

    /// <inheritdoc/>
    public override object? Value
    {
        get => _isReplaced ? _value : _value ??= InformationTree.ToObject(part);
        set => (_value, _isReplaced) = (value, true);
    }

    /// <inheritdoc/>
    public override string TypeNameOfValue => typeof(PSCustomObject).FullName!;

    /// <inheritdoc/>
    public override PSMemberInfo Copy() => _isReplaced ? new PSNoteProperty(Name, _value) : new LazyProperty(Name, part);

    /// <inheritdoc/>
    public override string ToString() => $"{typeof(PSObject).FullName} {Name}";
}
