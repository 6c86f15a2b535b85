using System.Management.Automation;
using System.Management.Automation.Host;
using XpraAes.Administration;
using XpraAes.Connections;
using XpraAes.Management;
using XpraAes.PowerShell.Watching;

namespace XpraAes.PowerShell.Commands;

/// <summary>Shows listeners and sessions live in the terminal: those of this process, those of others, or the clients of xpra servers.</summary>
[Cmdlet("Watch", "XpraAes", DefaultParameterSetName = ProcessSet)]
public sealed class WatchXpraAesCommand : ServerCommand
{
    private const string ProcessSet = "Process";

    /// <summary>How long to wait for questions to end; arbitrary.</summary>
    private static readonly TimeSpan s_endGrace = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_shortestInterval = TimeSpan.FromMilliseconds(100);

    private readonly List<ManagementAddress> _addresses = [];

    // Without the aliases for paths, which mean other files here.
    /// <inheritdoc/>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public override string[]? KeyFile { get; set; }

    /// <summary>The management addresses of other processes, as they were given to their listeners: 127.0.0.1:9464, unix:///run/xpra-aes/management.sock.</summary>
    [Parameter(Mandatory = true, ParameterSetName = nameof(ManagementAddress), ValueFromPipelineByPropertyName = true)]
    [TextOnly]
    [ValidateNotNullOrEmpty]
    public string[] ManagementAddress { get; set; } = [];

    /// <summary>The time between two looks: seconds or a TimeSpan; 1 s, or 5 s for remote servers.</summary>
    [Parameter]
    [SecondsTransformation]
    public TimeSpan? RefreshInterval { get; set; }

    /// <summary>Prints everything once, with the rates of one interval, and ends.</summary>
    [Parameter]
    public SwitchParameter Once { get; set; }

    /// <summary>Not where a pipeline, even an empty one, says what is watched: until its first input the set is the default one.</summary>
    private bool WatchesThisProcess => ParameterSetName == ProcessSet && !MyInvocation.ExpectingInput;

    private protected override string Activity => "Watching xpra servers";

    /// <inheritdoc/>
    protected override void Start()
    {
        base.Start();
        if (WatchesThisProcess && BoundOfServers(except: []) is { } ofServers)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"-{ofServers} is given, but no server.", "Give -Uri or -ComputerName too. Without them this process is watched, which needs nothing.");
        if (RefreshInterval < s_shortestInterval)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"-RefreshInterval is {RefreshInterval.Value.TotalSeconds:0.###} s.", $"Give at least {s_shortestInterval.TotalSeconds} s.");
    }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == nameof(ManagementAddress))
        {
            if (BoundOfServers(except: [nameof(Timeout), nameof(ThrottleLimit)]) is { } ofServers)
                throw new XpraAesException(XpraErrorId.InvalidOption, $"-{ofServers} is about servers, not about a management address.", "Omit it: a management address needs no key.");
            this.ForEach(ManagementAddress, text => _addresses.Add(Management.ManagementAddress.ParseOther(text, path => FilePath.Resolve(this, path))));
        }
        else if (ParameterSetName != ProcessSet)
            base.Process();
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        var screen = OpenScreen() ?? throw new XpraAesException(XpraErrorId.NoTerminal, "Watch-XpraAes needs a terminal, and this is none that it can draw in.",
            "Run it in one, without redirecting it. Get-XpraAesListener, Get-XpraAesConnection, Get-XpraClient and Get-XpraInfo return the same as objects.");
        if (WatchesThisProcess)
        {
            Watch(new ProcessSource(), screen, RefreshInterval ?? TimeSpan.FromSeconds(1));
            return;
        }
        // Each input that is wrong has its own error.
        var servers = Servers;
        if (_addresses.Count > 0 && servers.Count > 0)
            throw new XpraAesException(XpraErrorId.InvalidOption, "Both management addresses and servers are given.", "Watch one kind after the other, or in two terminals.");
        if (_addresses.Count > 0)
        {
            // As often as this process: it is one machine's, and costs it no connection of xpra's.
            var interval = RefreshInterval ?? TimeSpan.FromSeconds(1);
            Watch(token => new ManagementSource(_addresses.Distinct(), Timeout, interval, ThrottleLimit, token), screen, interval);
        }
        else if (servers.Count > 0)
        {
            WarnAboutFirstPacket(servers.Select(server => server.Mode).Distinct());
            var interval = RefreshInterval ?? TimeSpan.FromSeconds(5);
            Watch(token => new ServerSource(servers.Select(server => new ConnectionRequests(server)), interval, ThrottleLimit, token), screen, interval);
        }
    }

    /// <summary>A parameter that was given and is about servers; null if none is.</summary>
    private string? BoundOfServers(string[] except) => MyInvocation.BoundParameters.Keys.FirstOrDefault(name => typeof(ServerCommand).GetProperty(name) is not null && !except.Contains(name));

    // All servers are watched together, by Finish.
    private protected override Task WorkAsync(ConnectOptions server, PipelineOutput output, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>The source's own work ends with the watch.</summary>
    private void Watch(Func<CancellationToken, IPollingSource> start, ConsoleScreen screen, TimeSpan interval)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(StopToken);
        var source = start(ending.Token);
        try
        {
            // As often as a process, since each answers at another time.
            Watch(source, screen, TimeSpan.FromSeconds(Math.Min(1, interval.TotalSeconds)));
        }
        finally
        {
            ending.Cancel();
            // The secrets are disposed of after this.
            source.Completion.Wait(s_endGrace);
        }
    }

    private void Watch(IWatchSource source, ConsoleScreen screen, TimeSpan interval)
    {
        if (!Once)
            WatchLoop.Run(source, screen, interval, StopToken);
        else if (WatchLoop.Once(source, screen.Style, interval, StopToken) is { } frame)
            screen.Print(frame);
        StopToken.ThrowIfCancellationRequested();
    }

    /// <summary>Null in a job or a remote session, whose host has no terminal even where this process has one.</summary>
    private ConsoleScreen? OpenScreen()
    {
        try
        {
            if (Host.UI?.RawUI?.BufferSize.Width is not > 0)
                return null;
        }
        catch (Exception e) when (e is HostException or NotImplementedException or NotSupportedException or IOException)
        {
            return null;
        }
        var style = SessionState.PSVariable.GetValue("PSStyle");
        var isPlain = style is not null && $"{PSObject.AsPSObject(style).Properties["OutputRendering"]?.Value}" == "PlainText";
        return ConsoleScreen.Open(readsKeys: !Once, isPlain);
    }
}
