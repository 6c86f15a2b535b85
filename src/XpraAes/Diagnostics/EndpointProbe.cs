using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics.Checks;
using XpraAes.Handshake;
using XpraAes.Logging;

namespace XpraAes.Diagnostics;

/// <summary>
/// Finds out why an AES connection to an endpoint is established or not, by asking for <c>info</c>. What does not decrypt is looked into
/// offline; only where no answer comes are further connections made, in clear, to name the cause. What each check finds is in a class of its own.
/// </summary>
internal sealed class EndpointProbe
{
    /// <summary>After this without an answer the cause is looked for, while the answer may still come; arbitrary.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(2);

    private readonly ProbeContext _context;
    private readonly ConnectOptions _options;
    private readonly ProbeClient _client;
    private readonly ProbeReport _report;
    private readonly ProtocolCheck _protocol;
    private readonly EncryptionCheck _encryption;
    private readonly ModeCheck _mode;
    private readonly IterationsCheck _iterations;
    private readonly KeyCheck _key;
    private readonly PaddingCheck _padding;
    private readonly AuthenticationCheck _authentication;

    private EndpointProbe(ConnectOptions options, Action<string>? progress)
    {
        void Tell(string step)
        {
            Log.Probing(options.Logger, options.Endpoint.ToString(), step);
            progress?.Invoke(step);
        }
        _options = options;
        _report = new ProbeReport(options.Endpoint);
        _client = new ProbeClient(options, _report, Tell);
        _context = new ProbeContext(options, _client, _report, Tell);
        _protocol = new ProtocolCheck(_context);
        _encryption = new EncryptionCheck(_context);
        _mode = new ModeCheck(_context);
        _iterations = new IterationsCheck(_context);
        _key = new KeyCheck(_context);
        _padding = new PaddingCheck(_context);
        _authentication = new AuthenticationCheck(_context);
    }

    /// <summary>Probes an endpoint: a diagnosis for each check, the cause first. Whatever the endpoint does is a finding, and no exception.</summary>
    /// <param name="options">Where, how and with which keys.</param>
    /// <param name="progress">Told what is being done, in a few words.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="XpraAesException">InvalidOption, IterationsRejected: an option is out of its range.</exception>
    public static async Task<IReadOnlyList<Diagnosis>> RunAsync(ConnectOptions options, Action<string>? progress, CancellationToken cancellationToken)
    {
        KeyStretchingLimits.Require(options.KeySize, options.Iterations);
        using var key = options.Key.Clone();
        var probe = new EndpointProbe(options with { Key = key }, progress);
        await probe.ExamineAsync(cancellationToken).ConfigureAwait(false);
        return probe._report.ToDiagnoses();
    }

    private async Task ExamineAsync(CancellationToken cancellationToken)
    {
        if (await AskAsync(cancellationToken).ConfigureAwait(false) is not { } answer)
            return;
        if (answer.Reply is { } reply)
        {
            ReportReply(answer, reply);
            if (reply.IsAsAsked && !_options.EncryptFirstPacket)
                await new EnforcementCheck(_context).RunAsync(answer, cancellationToken).ConfigureAwait(false);
            return;
        }
        var failure = answer.Failure!;
        switch (Findings.Of(failure))
        {
            case DiagnosisFinding.HandshakeTimeout or DiagnosisFinding.ConnectionLost:
            case DiagnosisFinding.Refused or DiagnosisFinding.FirstPacketDisagrees when _options.EncryptFirstPacket:
                await ExplainSilenceAsync(failure, cancellationToken).ConfigureAwait(false);
                break;
            case DiagnosisFinding.NotEncrypted:
                await ExplainClearAsync(failure, cancellationToken).ConfigureAwait(false);
                break;
            case DiagnosisFinding.Refused when failure.Message.Contains(Refusals.ForUnproven, StringComparison.Ordinal):
                await ExplainListenerAsync(failure, cancellationToken).ConfigureAwait(false);
                break;
            default:
                ReportFailure(failure);
                break;
        }
    }

    /// <summary>The answer to the encrypted question. Null: none will come, and what the server says in clear has told why.</summary>
    private async Task<ProbeAnswer?> AskAsync(CancellationToken cancellationToken)
    {
        using var asked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asking = _client.AskEncryptedAsync(asked.Token);
        if (_options.EncryptFirstPacket || await IsDoneWithinAsync(asking, s_silence, cancellationToken).ConfigureAwait(false)
            || !(await _client.AskVersionAsync(cancellationToken).ConfigureAwait(false)).IsXpra
            || !await ExplainInClearAsync("It gives an encrypted hello no answer.", s_silence, asking, cancellationToken).ConfigureAwait(false))
        {
            return await asking.ConfigureAwait(false);
        }
        await asked.CancelAsync().ConfigureAwait(false);
        await ((Task)asking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return null;
    }

    private static async Task<bool> IsDoneWithinAsync(Task task, TimeSpan time, CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var isDone = await Task.WhenAny(task, Task.Delay(time, waiting.Token)).ConfigureAwait(false) == task;
        await waiting.CancelAsync().ConfigureAwait(false);
        return isDone;
    }

    /// <summary>The answer came encrypted: what it shows.</summary>
    private void ReportReply(ProbeAnswer answer, EncryptedReply reply)
    {
        _report.PeerVersion ??= ProbeClient.VersionIn(answer.Hello?.PeerHello);
        _protocol.ReportXpra();
        _encryption.ReportEncrypted("The server answers encrypted.");
        if (reply.Found is not { } found)
        {
            _key.ReportMismatch();
            return;
        }
        _key.Report(reply, found);
        _mode.Report(found);
        _iterations.ReportAccepted();
        _padding.Report(answer, reply, found);
        if (answer.Failure is { } failure)
            _authentication.ReportRefused(failure);
        else if (answer.Hello is { } hello)
            _authentication.ReportAccepted(hello);
    }

    /// <summary>A refusal in clear, or no xpra server at all.</summary>
    private void ReportFailure(XpraAesException failure)
    {
        var finding = Findings.Of(failure);
        if (Findings.Of(finding).Check != DiagnosisCheck.Connection)
            ConnectionCheck.ReportConnected(_report);
        if (Findings.Of(finding).Check > DiagnosisCheck.Protocol)
            _report.Add(DiagnosisFinding.XpraFound, "An xpra server answers.");
        // Servers look at these once they have AES on; at the user's name before that.
        if (finding is DiagnosisFinding.ModeRejected or DiagnosisFinding.ModeUnsupported or DiagnosisFinding.IterationsRejected or DiagnosisFinding.PaddingRejected)
            _encryption.ReportEncrypted("The server has AES on.");
        if (finding == DiagnosisFinding.FirstPacketDisagrees)
            _encryption.ReportFirstPacketDisagrees();
        else
            _report.Add(failure);
    }

    /// <summary>A listener of ours tells nothing to clients that have not proven the key: trials show what it does not take of the hello.</summary>
    private async Task ExplainListenerAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        _protocol.ReportXpra();
        _context.Progress("asking with a salt that does not tell the time");
        var cipher = _client.CipherOptions with { Salt = RandomNumberGenerator.GetBytes(ProtocolDefaults.SaltSize) };
        if ((await _client.AskAsync("version", cipher, _client.FollowUpTimeout, cancellationToken).ConfigureAwait(false)).Reply is not null)
            _encryption.ReportExpired();
        else if (!await ExplainByTrialAsync(cancellationToken).ConfigureAwait(false))
            ReportFailure(failure);
    }

    /// <summary>The server says that it has no AES, or behaves so: does it talk in clear?</summary>
    private async Task ExplainClearAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        await _client.AskVersionAsync(cancellationToken).ConfigureAwait(false);
        _protocol.ReportXpra();
        _encryption.ReportNotEncrypted(await _client.AskForInfoInClearAsync(_client.FollowUpTimeout, cancellationToken).ConfigureAwait(false), failure.Message);
    }

    /// <summary>No answer to the encrypted hello, or a closed connection. Servers of 6.4 and later refuse so.</summary>
    private async Task ExplainSilenceAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        var version = await _client.AskVersionAsync(cancellationToken).ConfigureAwait(false);
        if (!version.IsXpra)
        {
            await ExplainNoXpraAsync(failure, version.Failure!, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (await ExplainInClearAsync(failure.Message, _client.FollowUpTimeout, null, cancellationToken).ConfigureAwait(false))
            return;
        _protocol.ReportXpra();
        if (_options.EncryptFirstPacket)
        {
            _encryption.ReportFirstPacketDisagrees();
            return;
        }
        _encryption.ReportEncrypted("The server has AES on: it does not talk in clear.");
        if (!await ExplainByTrialAsync(cancellationToken).ConfigureAwait(false))
            _encryption.ReportSilent(failure);
    }

    /// <summary>Not even <c>version</c> is answered: what is it?</summary>
    private async Task ExplainNoXpraAsync(XpraAesException encrypted, XpraAesException version, CancellationToken cancellationToken)
    {
        if (Findings.Of(version) == DiagnosisFinding.FirstPacketDisagrees && _options.EncryptFirstPacket)
        {
            _protocol.ReportXpra();
            _encryption.ReportEncrypted("The server has AES on, from the first packet.");
            _key.ReportFirstPacketRejected();
        }
        else if (await _protocol.IdentifyAsync(encrypted, version, cancellationToken).ConfigureAwait(false) is { } failure)
        {
            ReportFailure(failure);
        }
    }

    /// <summary>Servers of 6.4 and later refuse in silence. Whether it is certain that no answer will come: AES is off, or the server's version lacks the mode.</summary>
    /// <param name="otherwise">What the server did, where it says nothing better in clear.</param>
    /// <param name="timeout">For its information in clear.</param>
    /// <param name="asking">The question that may still be answered: then nothing is certain; null: none may.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<bool> ExplainInClearAsync(string otherwise, TimeSpan timeout, Task? asking, CancellationToken cancellationToken)
    {
        var info = await _client.AskForInfoInClearAsync(timeout, cancellationToken).ConfigureAwait(false);
        if (asking is { IsCompleted: true })
            return false;
        if (EncryptionCheck.TalksInClear(info))
        {
            _protocol.ReportXpra();
            _encryption.ReportNotEncrypted(info, otherwise);
            return true;
        }
        if (_options.EncryptFirstPacket || !_mode.ReportIfUnsupported())
            return false;
        _protocol.ReportXpra();
        _encryption.ReportEncrypted("The server has AES on: it does not talk in clear.");
        return true;
    }

    /// <summary>Whether the server answers in another mode, or with the number of iterations that every server takes: then it is configured so, or limited.</summary>
    private async Task<bool> ExplainByTrialAsync(CancellationToken cancellationToken)
    {
        _context.Progress("asking in other modes");
        // The mode asked for comes first: where that is answered, it was the iterations.
        AesMode[] modes = [.. (XpraRelease.FromPeer(_report.PeerVersion)?.Modes ?? Enum.GetValues<AesMode>())
            .Where(mode => mode != _options.Mode || _options.Iterations != ProtocolDefaults.Iterations)
            .OrderBy(mode => mode != _options.Mode)];
        var answers = await Task.WhenAll(modes.Select(mode => _client.AskAsync("info", _client.CipherOptions with { Mode = mode, Iterations = ProtocolDefaults.Iterations }, _client.FollowUpTimeout, cancellationToken))).ConfigureAwait(false);
        var place = Array.FindIndex(answers, answer => answer.Reply is not null);
        if (place < 0)
            return false;
        if (modes[place] == _options.Mode)
            _iterations.ReportRejected();
        else
            _mode.ReportRejected(modes[place]);
        if (answers[place].Reply is { Found: { } found } reply)
            _key.Report(reply, found);
        return true;
    }
}
