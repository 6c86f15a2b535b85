using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Base of all cmdlets: Ctrl+C ends them at once and without an error, workers write through the pipeline thread, and an
/// <see cref="XpraAesException"/> becomes an error record, terminating only before the first input.</summary>
public abstract class XpraCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<string> _warned = [];
    private volatile PipelineOutput? _output;

    /// <summary>Cancelled by Ctrl+C.</summary>
    private protected CancellationToken StopToken => _stopping.Token;

    /// <summary>Override this instead of BeginProcessing.</summary>
    protected virtual void Start()
    {
    }

    /// <summary>Override this instead of ProcessRecord.</summary>
    protected virtual void Process()
    {
    }

    /// <summary>Override this instead of EndProcessing.</summary>
    protected virtual void Finish()
    {
    }

    /// <inheritdoc/>
    protected sealed override void BeginProcessing() => Guard(Start, ThrowTerminatingError);

    /// <inheritdoc/>
    protected sealed override void ProcessRecord() => Guard(Process, WriteError);

    /// <inheritdoc/>
    protected sealed override void EndProcessing() => Guard(Finish, WriteError);

    /// <inheritdoc/>
    protected sealed override void StopProcessing()
    {
        // The workers' cancellation callbacks may be slow: they run on another thread, so that the pipeline thread is released at once.
        Task cancelling = _stopping.CancelAsync();
        _output?.Complete();
        _ = cancelling;
    }

    /// <summary>Runs work off the pipeline thread, and writes what it posts until it ends; its exception is rethrown. When the pipeline
    /// is stopped, by Ctrl+C or by a later command such as Select-Object -First, the work is cancelled but not awaited.</summary>
    private protected void Run(Func<PipelineOutput, CancellationToken, Task> work) => Run(NewOutput(), work);

    /// <summary>Creates the output to post to. Reads preference variables, so call it on the pipeline thread.</summary>
    private protected PipelineOutput NewOutput() => new(IsShown("Verbose"), IsShown("Debug"));

    /// <summary>As <see cref="Run(Func{PipelineOutput, CancellationToken, Task})"/>, with an output that was posted to before.</summary>
    private protected void Run(PipelineOutput output, Func<PipelineOutput, CancellationToken, Task> work)
    {
        // Not disposed: that would wait for callbacks that are running, and drop those about to run.
        var cancellation = CancellationTokenSource.CreateLinkedTokenSource(StopToken);
        CancellationToken token = cancellation.Token;
        _output = output;
        StopToken.ThrowIfCancellationRequested();
        Task task = Task.Run(() => work(output, token), token);
        _ = task.ContinueWith(_ => output.Complete(), TaskScheduler.Default);
        try
        {
            output.Drain(this);
            StopToken.ThrowIfCancellationRequested();
            task.GetAwaiter().GetResult();
        }
        finally
        {
            output.Complete();
            _ = cancellation.CancelAsync();
        }
    }

    /// <summary>As <see cref="Run(Func{PipelineOutput, CancellationToken, Task})"/>, for work with a result.</summary>
    private protected T Run<T>(Func<PipelineOutput, CancellationToken, Task<T>> work)
    {
        T result = default!;
        Run(async (output, token) => { result = await work(output, token); });
        return result;
    }

    /// <summary>Relative paths are relative to this folder; null for PowerShell's current location.</summary>
    internal string? BaseFolder { get; set; }

    /// <summary>Gets the warnings, of a command that only reads parameters outside any pipeline, for example; null to write them.</summary>
    internal Action<string>? WarningSink { get; set; }

    /// <summary>The running cmdlet for which this one only reads parameters; null for itself.</summary>
    internal XpraCmdlet? Outer { get; init; }

    /// <summary>Writes a warning only once, since many inputs often share one.</summary>
    internal void WarnOnce(string text)
    {
        if (_warned.Add(text))
            (WarningSink ?? WriteWarning)(text);
    }

    /// <summary>Called by PowerShell when the pipeline ends.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the cmdlet's resources and secrets.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stopping.Dispose();
        }
    }

    /// <summary>Whether a stream is shown: by its switch, which takes precedence, or its preference variable.</summary>
    private bool IsShown(string stream)
    {
        if (MyInvocation.BoundParameters.TryGetValue(stream, out var given))
            return (SwitchParameter)given;
        return LanguagePrimitives.TryConvertTo<ActionPreference>(GetVariableValue($"{stream}Preference"), out var preference)
            && preference is not (ActionPreference.SilentlyContinue or ActionPreference.Ignore);
    }

    private void Guard(Action step, Action<ErrorRecord> report)
    {
        try
        {
            step();
        }
        catch (XpraAesException exception)
        {
            report(ErrorRecords.From(exception));
        }
        catch (OperationCanceledException) when (StopToken.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }
}
