using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Administration;

/// <summary>
/// Asks with a connection for each request, which opens no session: nobody's windows change, and the server runs none of its programs for new
/// clients. Request and arguments are encrypted, unlike those of xpra's own clients (PROTOCOL section 14).
/// </summary>
internal sealed class ConnectionRequests : IServerRequests
{
    /// <summary>Servers before this version pass the first argument of <c>start</c> to a shell and drop the others; later ones run the arguments (xpra/server, control_command_start).</summary>
    private static readonly Version s_startsWithoutShell = new(6, 4);

    /// <summary>A server's last words after a screenshot, which is then all that has arrived.</summary>
    private const string ScreenshotLost = "screenshot sent";

    private readonly ConnectOptions _options;

    /// <summary>Requests to that server.</summary>
    public ConnectionRequests(ConnectOptions options)
        => _options = options with { Limits = options.Limits with { EncodingItems = Math.Max(options.Limits.EncodingItems, Limits.InformationItems) } };

    public string Server => _options.Endpoint.ToString();

    public Task<XpraDictionary> GetInfoAsync(CancellationToken cancellationToken)
        => AskOrInSessionAsync("info", _ => true, answer => Answers.Info(answer, Server), session => session.GetInfoAsync(cancellationToken), cancellationToken);

    public Task<ControlResult> ControlAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
        => AskAsync("command", command, answer => Answers.Control(answer, command[0], Server), session => session.ControlAsync(command, cancellationToken), cancellationToken);

    public async Task<StartedApplication> StartAsync(string program, IReadOnlyList<string> command, bool asChild, CancellationToken cancellationToken)
    {
        var version = ServerInformation.VersionOf(await GetInfoAsync(cancellationToken).ConfigureAwait(false));
        var usesShell = Version.TryParse(Hello.NumberIn(version), out var number) && number < s_startsWithoutShell;
        var result = await ControlAsync([asChild ? "start-child" : "start", .. usesShell ? [CommandLine.ForShell(command)] : command], cancellationToken).ConfigureAwait(false);
        return new StartedApplication { Server = Server, Program = program, IsChild = asChild, ProcessId = Answers.ProcessId(result.Text), Text = result.Text };
    }

    public Task<Screenshot?> TakeScreenshotAsync(CancellationToken cancellationToken)
        => AskOrInSessionAsync("screenshot", refusal => refusal.Message.Contains(ScreenshotLost, StringComparison.Ordinal), answer => Answers.Picture(answer, Server), session => session.TakeScreenshotAsync(cancellationToken), cancellationToken);

    public Task<ControlResult> DetachAsync(CancellationToken cancellationToken)
        => AskAsync("detach", [], answer => Answers.Disconnect(answer, "detach", Server), session => session.DetachAsync(cancellationToken), cancellationToken);

    public Task<ControlResult> StopAsync(bool keepApplications, CancellationToken cancellationToken)
    {
        var request = keepApplications ? "exit" : "stop";
        return AskAsync(request, [], answer => Answers.Disconnect(answer, request, Server), session => session.StopAsync(keepApplications, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Asks again within a session where the request is refused: proxy servers refuse requests, and a gateway passes on no screenshots that answer them.
    /// The first refusal is the error if that fails too.
    /// </summary>
    private async Task<T> AskOrInSessionAsync<T>(string request, Predicate<XpraAesException> mayAskAgain, Func<Packet, T> read, Func<SessionRequests, Task<T>> askInSession, CancellationToken cancellationToken)
    {
        XpraAesException refusal;
        try
        {
            return await AskAsync(request, [], read, askInSession, cancellationToken).ConfigureAwait(false);
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.RequestRefused && mayAskAgain(e))
        {
            refusal = e;
        }
        try
        {
            var session = await XpraConnector.ConnectAsync(_options, cancellationToken).ConfigureAwait(false);
            await using var closing = session.ConfigureAwait(false);
            return await askInSession(new SessionRequests(session, _options.Timeout)).ConfigureAwait(false);
        }
        catch (XpraAesException)
        {
            throw refusal;
        }
    }

    private async Task<T> AskAsync<T>(string request, IReadOnlyList<string> command, Func<Packet, T> read, Func<SessionRequests, Task<T>> askInSession, CancellationToken cancellationToken)
    {
        var (answer, session) = await XpraConnector.AskAsync(_options, request, command, cancellationToken).ConfigureAwait(false);
        if (session is null)
            return read(answer);
        await using var closing = session.ConfigureAwait(false);
        return await askInSession(new SessionRequests(session, _options.Timeout)).ConfigureAwait(false);
    }
}
