using System.Collections.Concurrent;
using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Queues output from any thread; the pipeline thread writes it, since Cmdlet.Write* may be called on no other.</summary>
internal sealed class PipelineOutput(bool showsVerbose, bool showsDebug)
{
    // Never disposed: a worker may outlive a stopped cmdlet and still post, and it holds no handle.
    private readonly BlockingCollection<Action<XpraCmdlet>> _posted = [];

    /// <summary>Whether verbose output is shown.</summary>
    public bool ShowsVerbose => showsVerbose && !_posted.IsAddingCompleted;

    /// <summary>Whether debug output is shown.</summary>
    public bool ShowsDebug => showsDebug && !_posted.IsAddingCompleted;

    public void WriteObject(object value) => Post(cmdlet => cmdlet.WriteObject(value));

    public void WriteWarning(string text) => Post(cmdlet => cmdlet.WarnOnce(text));

    public void WriteDebug(string text) => Post(cmdlet => cmdlet.WriteDebug(text));

    public void WriteVerbose(string text) => Post(cmdlet => cmdlet.WriteVerbose(text));

    public void WriteError(XpraAesException exception) => Post(cmdlet => cmdlet.WriteError(ErrorRecords.From(exception)));

    public void WriteProgress(ProgressRecord progress) => Post(cmdlet => cmdlet.WriteProgress(progress));

    /// <summary>Ends the queue; what is posted later is dropped.</summary>
    internal void Complete() => _posted.CompleteAdding();

    /// <summary>Writes what is posted, on the calling thread, until <see cref="Complete"/>.</summary>
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
            // Completed: the cmdlet was stopped.
        }
    }
}
