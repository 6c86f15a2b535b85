using XpraAes.Encodings;

namespace XpraAes.Administration;

/// <summary>
/// Asks within an open session, in packets of the session's own, which every generation reads (PROTOCOL section 14). Control commands and new
/// programs have no answer there in any of them.
/// </summary>
/// <param name="connection">The session; its end is the caller's matter.</param>
/// <param name="timeout">How long to wait for each answer.</param>
internal sealed class SessionRequests(XpraConnection connection, TimeSpan timeout) : IServerRequests
{
    public string Server => connection.Endpoint;

    public Task<XpraDictionary> GetInfoAsync(CancellationToken cancellationToken)
        => AskAsync("info", async () => Answers.Info(await connection.RequestInfoAsync(timeout, cancellationToken).ConfigureAwait(false), Server));

    public Task<ControlResult> ControlAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
        => AskAsync(command[0], async () =>
        {
            // They look the name up as text, and find nothing.
            if (connection.SendsTextAsBytes)
                throw new XpraAesException(XpraErrorId.RequestUnsupported, $"{Server}: xpra {connection.PeerVersion} does not understand control commands within a session.", "Give the server's URI instead of the connection.") { Target = Server };
            await connection.SendAsync(["command_request", .. command], cancellationToken).ConfigureAwait(false);
            await AwaitDeliveryAsync(cancellationToken).ConfigureAwait(false);
            return new ControlResult { Server = Server, Command = command[0] };
        });

    public Task<StartedApplication> StartAsync(string program, IReadOnlyList<string> command, bool asChild, CancellationToken cancellationToken)
        => AskAsync("start", async () =>
        {
            if (connection.PeerHello.GetBoolean("start-new-commands") == false)
                throw Answers.StartDisabled(Server);
            // Name, command, whether to ignore it when the session counts its children, and whether every client sees its windows.
            await connection.SendAsync(["start-command", command[0], command.ToArray<object?>(), !asChild, true], cancellationToken).ConfigureAwait(false);
            await AwaitDeliveryAsync(cancellationToken).ConfigureAwait(false);
            return new StartedApplication { Server = Server, Program = program, IsChild = asChild };
        });

    public Task<Screenshot?> TakeScreenshotAsync(CancellationToken cancellationToken)
        => AskAsync("screenshot", async () => Answers.Picture(
            await connection.AskAsync([connection.PeerUsesNewNames ? "display-request-screenshot" : "screenshot"], "screenshot", timeout, cancellationToken).ConfigureAwait(false), Server));

    public Task<ControlResult> DetachAsync(CancellationToken cancellationToken)
        => Task.FromException<ControlResult>(new XpraAesException(XpraErrorId.RequestUnsupported, $"{Server}: xpra has no packet within a session that disconnects the other clients.", "Give the server's URI instead of the connection.") { Target = Server });

    public Task<ControlResult> StopAsync(bool keepApplications, CancellationToken cancellationToken)
        => AskAsync(keepApplications ? "exit" : "stop", async () =>
        {
            var request = keepApplications ? "exit" : "stop";
            if (!keepApplications && connection.PeerHello.GetBoolean("client-shutdown") == false)
                throw Answers.Refused(Server, request, "clients may not stop it");
            await connection.SendAsync([keepApplications ? "exit-server" : "shutdown-server"], cancellationToken).ConfigureAwait(false);
            await connection.Completion.WaitAsync(timeout, cancellationToken).ConfigureAwait(false);
            // A server may end without a word, too.
            return connection.CloseReason is { } reason && (Answers.IsEnd(reason) || connection.CloseCause is null && !reason.StartsWith("the peer disconnected", StringComparison.Ordinal))
                ? new ControlResult { Server = Server, Command = request, Code = 0, Text = reason }
                : throw Answers.Refused(Server, request, connection.CloseReason ?? "no reason");
        });

    /// <summary>Servers handle packets in their order, so an echo shows that what was sent before has arrived.</summary>
    private Task<TimeSpan> AwaitDeliveryAsync(CancellationToken cancellationToken) => connection.PingAsync(timeout, cancellationToken);

    private async Task<T> AskAsync<T>(string request, Func<Task<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"{Server}: the server did not answer '{request}' within {timeout.TotalSeconds:0.#} s.", "Its administrator may have turned that off, or its version does not have it.", e) { Target = Server };
        }
        catch (XpraAesException e) when (e.Target is null)
        {
            throw new XpraAesException(e.Id, $"{Server}: {e.Message}", e.RecommendedAction, e) { Target = Server };
        }
    }
}
