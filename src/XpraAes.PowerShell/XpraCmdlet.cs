using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>The base of every cmdlet: Ctrl+C ends it at once and without an error, workers write through the pipeline thread, and
/// an <see cref="XpraAesException"/> becomes an error record (terminating only where the cmdlet has not begun on its input).</summary>
public abstract class XpraCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<string> _warned = [];
    private volatile PipelineOutput? _output;

    /// <summary>Cancelled by Ctrl+C.</summary>
    private protected CancellationToken StopToken => _stopping.Token;

    /// <summary>What BeginProcessing is elsewhere.</summary>
    protected virtual void Start()
    {
    }

    /// <summary>What ProcessRecord is elsewhere.</summary>
    protected virtual void Process()
    {
    }

    /// <summary>What EndProcessing is elsewhere.</summary>
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
        // The pipeline thread is let go first and the workers are told on another thread: theirs may take its time.
        Task told = _stopping.CancelAsync();
        _output?.Complete();
        _ = told;
    }

    /// <summary>Runs work off the pipeline thread and writes here what it posts, until it is done. Its exception is thrown here. When
    /// the pipeline is stopped, by Ctrl+C or by a later command that has enough, the work is cancelled and not waited for.</summary>
    private protected void Run(Func<PipelineOutput, CancellationToken, Task> work) => Run(NewOutput(), work);

    /// <summary>Somewhere to post to. To be called on the pipeline thread, like everything that asks for preferences.</summary>
    private protected PipelineOutput NewOutput() => new(IsShown("Verbose"), IsShown("Debug"));

    /// <summary>As <see cref="Run(Func{PipelineOutput, CancellationToken, Task})"/>, where something has been posted before.</summary>
    private protected void Run(PipelineOutput output, Func<PipelineOutput, CancellationToken, Task> work)
    {
        // Not disposed: that would wait for the callbacks of the work where it is being cancelled, and lose them where it is about to be.
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

    /// <summary>Writes a warning, once: many inputs often share what there is to warn of.</summary>
    internal void WarnOnce(string text)
    {
        if (_warned.Add(text))
            WriteWarning(text);
    }

    /// <summary>Frees what the cmdlet holds, when its pipeline ends.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the cmdlet holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stopping.Dispose();
        }
    }

    /// <summary>Whether a stream goes anywhere: by its switch, which counts more, or by its preference variable.</summary>
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
