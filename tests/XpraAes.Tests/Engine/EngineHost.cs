using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Microsoft.PowerShell;
using Pipeline = System.Management.Automation.PowerShell;

namespace XpraAes.Tests.Engine;

/// <summary>A PowerShell runspace, with or without the built module.</summary>
internal sealed class EngineHost : IDisposable
{
    /// <summary>A runspace without the module, with the given cmdlets.</summary>
    public EngineHost(params SessionStateCommandEntry[] commands)
    {
        InitialSessionState state = InitialSessionState.CreateDefault();
        state.Commands.Add(commands);
        if (OperatingSystem.IsWindows())
        {
            state.ExecutionPolicy = ExecutionPolicy.Bypass;
        }

        Runspace = RunspaceFactory.CreateRunspace(state);
        Runspace.Open();
    }

    public Runspace Runspace { get; }

    /// <summary>A runspace with the built module.</summary>
    public static EngineHost WithModule()
    {
        EngineHost host = new();
        Assert.Empty(host.Run($"Import-Module '{TestPaths.BuiltManifest}'").Errors);
        return host;
    }

    /// <summary>A pipeline that is not started; the caller disposes of it.</summary>
    public Pipeline Create(string script)
    {
        Pipeline pipeline = Pipeline.Create(Runspace);
        pipeline.AddScript(script, useLocalScope: false);
        return pipeline;
    }

    /// <summary>Runs a script to its end. Throws only what the script itself throws; other errors are in the result.</summary>
    public EngineResult Run(string script)
    {
        using Pipeline pipeline = Create(script);
        IReadOnlyList<PSObject> output = pipeline.Invoke();
        return new EngineResult(
            output,
            [.. pipeline.Streams.Error],
            [.. pipeline.Streams.Warning.Select(record => record.Message)],
            [.. pipeline.Streams.Verbose.Select(record => record.Message)]);
    }

    public void Dispose() => Runspace.Dispose();
}
