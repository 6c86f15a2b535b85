using System.Globalization;
using System.Management.Automation.Host;

namespace XpraAes.Shell;

/// <summary>What the engine knows of the program around it.</summary>
internal sealed class ShellHost : PSHost
{
    /// <summary>What `exit` was given; null while nobody has called it.</summary>
    public int? ExitCode { get; private set; }

    public override string Name => "xpra-aes";

    public override Version Version { get; } = typeof(ShellHost).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;

    public ShellUserInterface ShellUI { get; } = new();

    public override PSHostUserInterface UI => ShellUI;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    // Nested prompts are the debugger's, which this shell does not have.
    public override void EnterNestedPrompt() => throw new NotSupportedException("xpra-aes has no debugger and no nested prompts.");

    public override void ExitNestedPrompt() => throw new NotSupportedException("xpra-aes has no debugger and no nested prompts.");

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }
}
