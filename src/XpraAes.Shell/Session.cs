using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using XpraAes.Shell.StandIns;

namespace XpraAes.Shell;

/// <summary>One runspace of the engine, and what runs in it.</summary>
internal sealed class Session : IDisposable
{
    private readonly ShellHost _host = new();
    private readonly Runspace _runspace;
    private volatile PowerShell? _running;
    private bool _commandMissing;

    public Session()
    {
        // The engine looks for modules beside itself, and that is not beside this program.
        string modules = Path.Combine(AppContext.BaseDirectory, "Modules");
        string? inherited = Environment.GetEnvironmentVariable("PSModulePath");
        Environment.SetEnvironmentVariable("PSModulePath", string.IsNullOrEmpty(inherited) ? modules : modules + Path.PathSeparator + inherited);

        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.Commands.Add(StandInCommands.MissingFrom(state));
        _runspace = RunspaceFactory.CreateRunspace(_host, state);
        _runspace.Open();
        Runspace.DefaultRunspace = _runspace;
        _runspace.SessionStateProxy.InvokeCommand.CommandNotFoundAction = (_, _) => _commandMissing = true;
        Console.CancelKeyPress += OnCancelKeyPress;
    }

    /// <summary>Our version and the engine's.</summary>
    public static string Version =>
        $"xpra-aes {typeof(Session).Assembly.GetName().Version!.ToString(3)}, PowerShell engine {PSVersionInfo.PSVersion}";

    /// <summary>Runs a script with its arguments and gives the exit code of the process.</summary>
    public int RunFile(string path, IReadOnlyList<string> arguments)
    {
        string fullPath = Path.GetFullPath(path);
        if (!File.Exists(fullPath))
        {
            _host.UI.WriteErrorLine($"There is no script {fullPath}.");
            return ExitCodes.Usage;
        }

        // A script block that knows its file, and not the file itself, of which `exit` would end the script but not the process.
        ScriptBlockAst script = Parser.ParseFile(fullPath, out _, out ParseError[] errors);
        return Run(pipeline =>
        {
            if (errors.Length > 0)
            {
                throw new ParseException(errors);
            }

            (Dictionary<string, object> named, List<object> positional) = ScriptArguments.Parse(arguments);
            pipeline.AddScript("param($script, $named, $positional) . $script @named @positional")
                .AddParameter("script", script.GetScriptBlock()).AddParameter("named", named).AddParameter("positional", positional);
        });
    }

    /// <summary>Runs what a text says and gives the exit code of the process.</summary>
    public int RunCommand(string text) => Run(pipeline => pipeline.AddScript(text));

    /// <summary>Reads and runs commands until `exit` or the end of the input, and gives the exit code of the process.</summary>
    public int Prompt()
    {
        Console.WriteLine($"{Version}. Ctrl+C stops a command, `exit` leaves. `xpra-aes -Help` says which commands there are.");
        while (_host.ExitCode is null && ReadCommand() is { } text)
        {
            Run(pipeline => pipeline.AddScript(text, useLocalScope: false));
        }

        return _host.ExitCode ?? ExitCodes.Success;
    }

    public void Dispose()
    {
        Console.CancelKeyPress -= OnCancelKeyPress;
        _runspace.Dispose();
    }

    private int Run(Action<PowerShell> build)
    {
        using var pipeline = PowerShell.Create(_runspace);
        _commandMissing = false;
        try
        {
            build(pipeline);

            // Out-Default renders with the engine's own formatting, through the host; error records too, where they are merged into it.
            pipeline.AddCommand("Out-Default");
            pipeline.Commands.Commands[^1].MergeUnclaimedPreviousCommandResults = PipelineResultTypes.Output | PipelineResultTypes.Error;
            _running = pipeline;
            pipeline.Invoke();
        }
        catch (PipelineStoppedException)
        {
            // Its state says so, whether or not the exception comes this far.
        }
        catch (RuntimeException exception)
        {
            Report(exception.ErrorRecord);
            return _host.ExitCode ?? ExitCodes.Failed;
        }
        finally
        {
            _running = null;
            if (_commandMissing)
            {
                _host.UI.WriteWarningLine("This is the PowerShell engine with XpraAes alone. Most commands of PowerShell itself are not in it: `xpra-aes -Help` says which are.");
            }
        }

        return _host.ExitCode ?? (pipeline.InvocationStateInfo.State == PSInvocationState.Stopped ? ExitCodes.Interrupted : ExitCodes.Success);
    }

    private void Report(ErrorRecord error)
    {
        using var pipeline = PowerShell.Create(_runspace);
        _host.ShellUI.OutputIsError = true;
        pipeline.AddCommand("Out-Default").Invoke(new[] { error });
        _host.ShellUI.OutputIsError = false;
    }

    private string? ReadCommand()
    {
        Console.Write(PromptText());
        string? text = Console.ReadLine();

        // An unfinished block goes on until it is finished or an empty line says that it never will be.
        while (text is not null && IsUnfinished(text))
        {
            Console.Write(">> ");
            string? more = Console.ReadLine();
            if (string.IsNullOrEmpty(more))
            {
                return more is null ? null : text;
            }

            text += Environment.NewLine + more;
        }

        return text;
    }

    private string PromptText()
    {
        using var pipeline = PowerShell.Create(_runspace);
        return pipeline.AddCommand("prompt").Invoke<string>().FirstOrDefault() ?? "PS> ";
    }

    private static bool IsUnfinished(string text)
    {
        Parser.ParseInput(text, out _, out ParseError[] errors);
        return errors.Any(error => error.IncompleteInput);
    }

    private void OnCancelKeyPress(object? sender, ConsoleCancelEventArgs e)
    {
        PowerShell? running = _running;
        if (running is null || running.InvocationStateInfo.State == PSInvocationState.Stopping)
        {
            // At the prompt there is nothing to stop; and a command that ignored the first Ctrl+C gets what it asked for.
            e.Cancel = running is null;
            return;
        }

        e.Cancel = true;
        running.BeginStop(null, null);
    }
}
