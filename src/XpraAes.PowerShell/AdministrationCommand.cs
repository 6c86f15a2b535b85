using System.Management.Automation;
using XpraAes.Administration;
using XpraAes.Connections;

namespace XpraAes.PowerShell;

/// <summary>Base of the cmdlets that administer xpra sessions: on a connection for each request, or within the sessions of connections that are given.</summary>
public abstract class AdministrationCommand : ServerCommand
{
    private readonly List<SessionRequests> _sessions = [];

    /// <summary>Connections from Connect-XpraAes or Get-XpraAesConnection, in whose sessions to ask.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(Connection), ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public XpraConnection[] Connection { get; set; } = [];

    // Without the aliases for paths, which mean other files here.
    /// <inheritdoc/>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public override string[]? KeyFile { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(Connection))
            _sessions.AddRange(Connection.Select(connection => new SessionRequests(connection, Timeout)));
        else
            base.Process();
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        if (_sessions.Count == 0)
        {
            base.Finish();
            return;
        }
        _sessions.RemoveAll(session => !Confirm(session.Server));
        Run(WorkInSessionsAsync);
    }

    private protected sealed override Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken)
        => WorkAsync(new ConnectionRequests(server), output, cancellationToken);

    /// <summary>Works on one server, off the pipeline thread. An <see cref="XpraAesException"/> becomes an error record.</summary>
    private protected abstract Task WorkAsync(IServerRequests server, PipelineOutput output, CancellationToken cancellationToken);

    /// <summary>Outputs the answer to a control command that only some versions have; the error of the others names theirs.</summary>
    private protected static async Task ControlOrNameVersionAsync(IServerRequests server, IReadOnlyList<string> command, PipelineOutput output, CancellationToken cancellationToken)
    {
        try
        {
            output.WriteObject(await server.ControlAsync(command, cancellationToken));
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.RequestUnsupported && server is ConnectionRequests)
        {
            throw Answers.Unsupported(server.Server, command[0], ServerInformation.VersionOf(await server.GetInfoAsync(cancellationToken)));
        }
    }

    private Task WorkInSessionsAsync(PipelineOutput output, CancellationToken cancellationToken)
    {
        var progress = new WaitProgress(output, Activity, _sessions.Select(session => session.Server));
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ThrottleLimit, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(_sessions, parallel, async (session, token) =>
        {
            try
            {
                await WorkAsync(session, output, token);
            }
            catch (XpraAesException e)
            {
                output.WriteError(e);
            }
            progress.Done(session.Server);
        });
    }
}
