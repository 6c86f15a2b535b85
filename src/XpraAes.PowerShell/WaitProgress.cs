using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Shows in a progress bar what a cmdlet still waits for. Usable from any thread.</summary>
internal sealed class WaitProgress
{
    /// <summary>More would not fit into a line.</summary>
    private const int NamesShown = 2;

    private readonly PipelineOutput _output;
    private readonly string _activity;
    private readonly List<string> _waiting;
    private readonly int _count;

    /// <summary>Shows it from now on, until all are done.</summary>
    public WaitProgress(PipelineOutput output, string activity, IEnumerable<string> names)
    {
        _output = output;
        _activity = activity;
        _waiting = [.. names];
        _count = _waiting.Count;
        Show();
    }

    /// <summary>Takes one off the list.</summary>
    public void Done(string name)
    {
        lock (_waiting)
        {
            _waiting.Remove(name);
            Show();
        }
    }

    private void Show()
    {
        if (_count == 0)
            return;
        var more = _waiting.Count > NamesShown ? $" and {_waiting.Count - NamesShown} more" : "";
        var done = _count - _waiting.Count;
        _output.WriteProgress(new ProgressRecord(0, _activity, _waiting.Count == 0 ? "done" : $"{(_count > 1 ? $"{done} of {_count}, " : "")}waiting for {string.Join(", ", _waiting.Take(NamesShown))}{more}")
        {
            PercentComplete = 100 * done / _count,
            RecordType = _waiting.Count > 0 ? ProgressRecordType.Processing : ProgressRecordType.Completed,
        });
    }
}
