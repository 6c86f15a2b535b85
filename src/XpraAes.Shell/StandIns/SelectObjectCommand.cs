using System.Management.Automation;

namespace XpraAes.Shell.StandIns;

/// <summary>Some properties of objects, or the first, the last or all but the first of them. It has no calculated properties.</summary>
[Cmdlet(VerbsCommon.Select, "Object", DefaultParameterSetName = "Properties")]
public sealed class SelectObjectCommand : PSCmdlet
{
    private readonly Queue<PSObject> _last = [];
    private int _seen;
    private int _written;

    /// <summary>What to select from.</summary>
    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    /// <summary>The names of the properties to keep; wildcards are expanded.</summary>
    [Parameter(Position = 0, ParameterSetName = "Properties")]
    public string[] Property { get; set; } = [];

    /// <summary>The name of the property whose value is wanted.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Expand")]
    public string ExpandProperty { get; set; } = "";

    /// <summary>Only so many objects from the start. The commands before this one still run to their end.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int First { get; set; } = int.MaxValue;

    /// <summary>Only so many objects from the end.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Last { get; set; } = int.MaxValue;

    /// <summary>Leaves out so many objects from the start.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Skip { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject is null || _seen++ < Skip)
        {
            return;
        }

        if (!MyInvocation.BoundParameters.ContainsKey(nameof(Last)))
        {
            Emit(InputObject);
            return;
        }

        _last.Enqueue(InputObject);
        if (_last.Count > Last)
        {
            _last.Dequeue();
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (PSObject item in _last)
        {
            Emit(item);
        }
    }

    private void Emit(PSObject item)
    {
        if (_written++ >= First)
        {
            return;
        }

        if (ParameterSetName == "Expand")
        {
            WriteObject(item.Properties[ExpandProperty]?.Value, enumerateCollection: true);
        }
        else if (Property.Length == 0)
        {
            WriteObject(item);
        }
        else
        {
            WriteObject(Chosen(item));
        }
    }

    // A property that the object lacks is there with no value, so that every row of a table has the same columns.
    private PSObject Chosen(PSObject item)
    {
        PSObject chosen = new();
        foreach (string name in Property)
        {
            PSPropertyInfo[] found = [.. item.Properties.Match(name)];
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                chosen.Properties.Add(new PSNoteProperty(name, null));
            }

            foreach (PSPropertyInfo property in found.Where(property => chosen.Properties[property.Name] is null))
            {
                chosen.Properties.Add(new PSNoteProperty(property.Name, property.Value));
            }
        }

        return chosen;
    }
}
