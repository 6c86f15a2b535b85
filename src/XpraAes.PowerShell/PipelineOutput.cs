using System.Collections.Concurrent;
using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>What workers have to say, from any thread, in order; the pipeline thread says it, since Cmdlet.Write* may be called nowhere else.</summary>
internal sealed class PipelineOutput(bool showsVerbose, bool showsDebug)
{
    // Never disposed: a worker that outlives a stopped cmdlet may still post, and there is no handle in it to free.
    private readonly BlockingCollection<Action<XpraCmdlet>> _posted = [];

    /// <summary>Whether somebody sees verbose output.</summary>
    public bool ShowsVerbose => showsVerbose && !_posted.IsAddingCompleted;

    /// <summary>Whether somebody sees debug output.</summary>
    public bool ShowsDebug => showsDebug && !_posted.IsAddingCompleted;

    public void WriteObject(object value) => Post(cmdlet => cmdlet.WriteObject(value));

    public void WriteWarning(string text) => Post(cmdlet => cmdlet.WriteWarning(text));

    public void WriteDebug(string text) => Post(cmdlet => cmdlet.WriteDebug(text));

    public void WriteVerbose(string text) => Post(cmdlet => cmdlet.WriteVerbose(text));

    public void WriteError(XpraAesException exception) => Post(cmdlet => cmdlet.WriteError(ErrorRecords.From(exception)));

    public void WriteProgress(ProgressRecord progress) => Post(cmdlet => cmdlet.WriteProgress(progress));

    /// <summary>Nothing follows; what is posted later is dropped.</summary>
    internal void Complete() => _posted.CompleteAdding();

    /// <summary>Writes on the calling thread whatever is posted, until <see cref="Complete"/>.</summary>
    internal void Drain(XpraCmdlet cmdlet)
    {
        foreach (Action<XpraCmdlet> write in _posted.GetConsumingEnumerable())
        {
            write(cmdlet);
        }
    }

    internal void Post(Action<XpraCmdlet> write)
    {
        try
        {
            _posted.Add(write);
        }
        catch (InvalidOperationException)
        {
            // Completed: the cmdlet was stopped and nobody listens any more.
        }
    }
}
