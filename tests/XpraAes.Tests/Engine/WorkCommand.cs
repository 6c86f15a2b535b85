using System.Management.Automation;
using XpraAes.PowerShell;

namespace XpraAes.Tests.Engine;

/// <summary>A cmdlet like those of the module: it works in the background, posts from several threads, waits, and fails.</summary>
[Cmdlet(VerbsDiagnostic.Test, "Work")]
public sealed class WorkCommand : XpraCmdlet
{
    public enum WaitKind
    {
        None,

        /// <summary>Work that ends when it is cancelled.</summary>
        Cancellable,

        /// <summary>Work that ignores cancellation.</summary>
        Deaf,

        /// <summary>Work that takes long to end after cancellation.</summary>
        SlowToCancel,

        /// <summary>A wait on the pipeline thread itself.</summary>
        Here,
    }

    /// <summary>Set when cancellable work was cancelled.</summary>
    public static TaskCompletionSource Cancelled { get; set; } = new();

    [Parameter(ValueFromPipeline = true)]
    public string? InputObject { get; set; }

    [Parameter]
    public int Count { get; set; }

    [Parameter]
    public SwitchParameter BadStart { get; set; }

    [Parameter]
    public SwitchParameter Complain { get; set; }

    [Parameter]
    public WaitKind Wait { get; set; }

    protected override void Start()
    {
        if (BadStart)
        {
            throw new XpraAesException(XpraErrorId.InvalidOption, "That will not do.");
        }
    }

    protected override void Process()
    {
        if (InputObject == "bad")
        {
            throw new XpraAesException(XpraErrorId.KeyFileExists, "There is a file already.", "Use -Force.") { Target = InputObject };
        }

        if (Wait == WaitKind.Here)
        {
            WriteObject(0);
            StopToken.WaitHandle.WaitOne();
            StopToken.ThrowIfCancellationRequested();
        }

        WriteObject(Run(WorkAsync));
    }

    private async Task<string> WorkAsync(PipelineOutput output, CancellationToken cancellation)
    {
        for (int i = 0; i < Count; i++)
        {
            await Task.Yield();
            output.WriteVerbose($"about {i}");
            output.WriteObject(i);
            if (Complain)
            {
                output.WriteError(new XpraAesException(XpraErrorId.ConnectionRefused, "Nobody is there."));
            }
        }

        output.WriteWarning("careful");
        switch (Wait)
        {
            case WaitKind.Cancellable:
                try
                {
                    await Task.Delay(Timeout.Infinite, cancellation);
                }
                finally
                {
                    Cancelled.TrySetResult();
                    output.WriteObject("too late");
                }

                break;
            case WaitKind.Deaf:
                await Task.Delay(TimeSpan.FromMinutes(1), CancellationToken.None);
                break;
            case WaitKind.SlowToCancel:
                cancellation.Register(() => Thread.Sleep(TimeSpan.FromSeconds(5)));
                await Task.Delay(Timeout.Infinite, cancellation);
                break;
        }

        return "done";
    }
}
