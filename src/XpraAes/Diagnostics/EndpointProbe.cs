using XpraAes.Administration;
using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics.Checks;
using XpraAes.Handshake;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>
/// Finds out whether an AES connection to an endpoint can be established, and if not, why, by asking for <c>info</c>. An answer that does not
/// decrypt is analysed offline; further connections, in plaintext, are made only if there is no answer. There is one class for each check.
/// </summary>
internal sealed class EndpointProbe
{
    /// <summary>After this time without an answer the search for the cause starts, while the answer may still come; arbitrary.</summary>
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

    private readonly TimeSpan _silence;

    private EndpointProbe(ConnectOptions options, Action<string>? progress, TimeSpan silence)
    {
        _silence = silence;
        void ReportProgress(string step)
        {
            Log.Probing(options.Logger, options.Endpoint.ToString(), step);
            progress?.Invoke(step);
        }
        _options = options;
        _report = new ProbeReport(options.Endpoint);
        _client = new ProbeClient(options, _report, ReportProgress);
        _context = new ProbeContext(options, _client, _report, ReportProgress);
        _protocol = new ProtocolCheck(_context);
        _encryption = new EncryptionCheck(_context);
        _mode = new ModeCheck(_context);
        _iterations = new IterationsCheck(_context);
        _key = new KeyCheck(_context);
        _padding = new PaddingCheck(_context);
        _authentication = new AuthenticationCheck(_context);
    }

    /// <summary>Probes an endpoint and returns the findings of each check, in the order in which a connection comes to them; <see cref="Diagnosis.IsCause"/> marks the cause. Whatever the endpoint does is a finding, not an exception.</summary>
    /// <param name="options">Endpoint, cipher options and keys.</param>
    /// <param name="progress">Called with a short description of each step.</param>
    /// <param name="cancellationToken">Cancels the probe.</param>
    /// <param name="silence">The time without an answer after which the search for the cause starts; null for two seconds.</param>
    /// <exception cref="XpraAesException">InvalidOption, IterationsRejected: an option is out of range.</exception>
    public static async Task<IReadOnlyList<Diagnosis>> RunAsync(ConnectOptions options, Action<string>? progress, CancellationToken cancellationToken, TimeSpan? silence = null)
    {
        KeyStretchingLimits.Require(options.KeySize, options.Iterations);
        using var key = options.Key.Clone();
        var probe = new EndpointProbe(options with { Key = key }, progress, silence ?? s_silence);
        await probe.ExamineAsync(cancellationToken).ConfigureAwait(false);
        return probe._report.ToDiagnoses();
    }

    private async Task ExamineAsync(CancellationToken cancellationToken)
    {
        if (_options.Endpoint.Transport == TransportKind.TlsPsk)
        {
            await ExamineSealedAsync(cancellationToken).ConfigureAwait(false);
            return;
        }
        if (await AskAsync(cancellationToken).ConfigureAwait(false) is not { } answer)
            return;
        if (answer.Reply is { } reply)
        {
            ReportReply(answer, reply);
            if (reply.IsAsRequested && !_options.EncryptFirstPacket)
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
                await ExplainNotEncryptedAsync(failure, cancellationToken).ConfigureAwait(false);
                break;
            case DiagnosisFinding.Refused when failure.Message.Contains(Refusals.ForUnproven, StringComparison.Ordinal):
                await ExplainListenerAsync(failure, cancellationToken).ConfigureAwait(false);
                break;
            default:
                ReportFailure(failure);
                break;
        }
    }

    /// <summary>TLS proves the key before a packet is sent, and keeps out everyone else: what is left to find out is the server's answer.</summary>
    private async Task ExamineSealedAsync(CancellationToken cancellationToken)
    {
        _context.Progress("asking over TLS with a pre-shared key");
        var answer = await _client.AskAsync("info", null, _options.Timeout, cancellationToken).ConfigureAwait(false);
        if (answer is { Hello: null, Failure: { Id: XpraErrorId.KeyMismatch or XpraErrorId.TlsFailed or XpraErrorId.ConnectionRefused or XpraErrorId.ConnectTimeout or XpraErrorId.HostUnreachable or XpraErrorId.AccessDenied or XpraErrorId.HandshakeTimeout or XpraErrorId.ConnectionLost } unreached })
        {
            ReportFailure(unreached);
            return;
        }
        _report.PeerVersion ??= ServerInformation.VersionOf(answer.Hello?.PeerHello);
        _protocol.ReportXpra();
        _encryption.ReportEncrypted("TLS 1.3 encrypts the connection and detects every change on the way.");
        _report.Add(DiagnosisFinding.ModeAccepted, "TLS uses AES-GCM, whatever mode xpra's own AES is set to.");
        _report.Add(DiagnosisFinding.IterationsAccepted, $"The key is stretched with {Keys.TlsPskSecrets.Iterations} iterations, once.");
        _report.Add(DiagnosisFinding.NoPadding, "TLS does not pad, so versions cannot disagree about it.");
        _report.Add(DiagnosisFinding.KeyRight, "Both ends have proven the same key.");
        _report.Add(DiagnosisFinding.StrangersKeptOut, "Nobody without the key gets further than the TLS handshake.");
        if (answer.Failure is { } failure)
            _authentication.ReportRefused(failure);
        else
            _authentication.ReportAccepted(answer.Hello!);
    }

    /// <summary>The answer to the encrypted hello. Null: there will be none, and the server's plaintext answers have explained why.</summary>
    private async Task<ProbeAnswer?> AskAsync(CancellationToken cancellationToken)
    {
        using var asked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asking = _client.AskEncryptedAsync(asked.Token);
        if (_options.EncryptFirstPacket || await IsDoneWithinAsync(asking, _silence, cancellationToken).ConfigureAwait(false)
            || !(await _client.AskVersionAsync(cancellationToken).ConfigureAwait(false)).IsXpra
            || !await ExplainInPlaintextAsync("It does not answer an encrypted hello.", _silence, asking, cancellationToken).ConfigureAwait(false))
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

    /// <summary>Reports what an encrypted answer shows.</summary>
    private void ReportReply(ProbeAnswer answer, EncryptedReply reply)
    {
        _report.PeerVersion ??= ServerInformation.VersionOf(answer.Hello?.PeerHello);
        _protocol.ReportXpra();
        _encryption.ReportEncrypted("The server's answer is encrypted.");
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

    /// <summary>Reports a plaintext refusal, or that the peer is no xpra server.</summary>
    private void ReportFailure(XpraAesException failure)
    {
        var finding = Findings.Of(failure);
        if (Findings.Of(finding).Check != DiagnosisCheck.Connection)
            ConnectionCheck.ReportConnected(_report);
        if (Findings.Of(finding).Check > DiagnosisCheck.Protocol)
            _report.Add(DiagnosisFinding.XpraFound, "An xpra server answers.");
        // Servers check these only with AES on; the user name they check before that.
        if (finding is DiagnosisFinding.ModeRejected or DiagnosisFinding.ModeUnsupported or DiagnosisFinding.IterationsRejected or DiagnosisFinding.PaddingRejected)
            _encryption.ReportEncrypted("The server has AES on.");
        if (finding == DiagnosisFinding.FirstPacketDisagrees)
            _encryption.ReportFirstPacketDisagrees();
        else
            _report.Add(failure);
    }

    /// <summary>A listener of this module tells unauthenticated clients nothing, so trials have to show what it rejects in the hello.</summary>
    private async Task ExplainListenerAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        _protocol.ReportXpra();
        _context.Progress("asking with a salt without a timestamp");
        var cipher = _client.CipherOptions with { Salt = RandomNumberGenerator.GetBytes(ProtocolDefaults.SaltSize) };
        if ((await _client.AskAsync("version", cipher, _client.FollowUpTimeout, cancellationToken).ConfigureAwait(false)).Reply is not null)
            _encryption.ReportExpired();
        else if (!await ExplainByTrialAsync(cancellationToken).ConfigureAwait(false))
            ReportFailure(failure);
    }

    /// <summary>The server says that AES is off, or behaves like it: checks whether it answers in plaintext.</summary>
    private async Task ExplainNotEncryptedAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        await _client.AskVersionAsync(cancellationToken).ConfigureAwait(false);
        _protocol.ReportXpra();
        _encryption.ReportNotEncrypted(await _client.AskForInfoInPlaintextAsync(_client.FollowUpTimeout, cancellationToken).ConfigureAwait(false), failure.Message);
    }

    /// <summary>No answer to the encrypted hello, or a closed connection: this is how servers refuse since 6.4.</summary>
    private async Task ExplainSilenceAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        var version = await _client.AskVersionAsync(cancellationToken).ConfigureAwait(false);
        if (!version.IsXpra)
        {
            await ExplainNoXpraAsync(failure, version.Failure!, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (await ExplainInPlaintextAsync(failure.Message, _client.FollowUpTimeout, null, cancellationToken).ConfigureAwait(false))
            return;
        _protocol.ReportXpra();
        if (_options.EncryptFirstPacket)
        {
            _encryption.ReportFirstPacketDisagrees();
            return;
        }
        _encryption.ReportEncrypted("The server has AES on: it does not answer in plaintext.");
        if (!await ExplainByTrialAsync(cancellationToken).ConfigureAwait(false))
            _encryption.ReportSilent(failure);
    }

    /// <summary>The peer does not even answer <c>version</c>: identifies its protocol.</summary>
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

    /// <summary>Looks for a reason why the encrypted hello will never be answered, since servers refuse silently from 6.4 on: AES is off, or the server's version lacks the mode. True: it is reported.</summary>
    /// <param name="evidence">What the server did, in case its plaintext answer shows nothing better.</param>
    /// <param name="timeout">For its plaintext answer.</param>
    /// <param name="asking">The encrypted question, which may still be answered; null if it no longer can.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    private async Task<bool> ExplainInPlaintextAsync(string evidence, TimeSpan timeout, Task? asking, CancellationToken cancellationToken)
    {
        var info = await _client.AskForInfoInPlaintextAsync(timeout, cancellationToken).ConfigureAwait(false);
        if (asking is { IsCompleted: true })
            return false;
        if (EncryptionCheck.ShowsPlaintext(info))
        {
            _protocol.ReportXpra();
            _encryption.ReportNotEncrypted(info, evidence);
            return true;
        }
        if (_options.EncryptFirstPacket || !_mode.ReportIfUnsupported())
            return false;
        _protocol.ReportXpra();
        _encryption.ReportEncrypted("The server has AES on: it does not answer in plaintext.");
        return true;
    }

    /// <summary>Tries the other modes, and the number of iterations that every server accepts. True: one was answered, which is reported as the cause.</summary>
    private async Task<bool> ExplainByTrialAsync(CancellationToken cancellationToken)
    {
        _context.Progress("trying other modes");
        // The requested mode comes first: if it is answered, the iterations were the cause.
        AesMode[] modes = [.. (XpraRelease.FromPeer(_report.PeerVersion)?.Modes ?? Enum.GetValues<AesMode>())
            .Where(mode => mode != _options.Mode || _options.Iterations != ProtocolDefaults.Iterations)
            .OrderBy(mode => mode != _options.Mode)];
        var answers = await Task.WhenAll(modes.Select(mode => _client.AskAsync("info", _client.CipherOptions with { Mode = mode, Iterations = ProtocolDefaults.Iterations }, _client.FollowUpTimeout, cancellationToken))).ConfigureAwait(false);
        var index = Array.FindIndex(answers, answer => answer.Reply is not null);
        if (index < 0)
            return false;
        if (modes[index] == _options.Mode)
            _iterations.ReportRejected();
        else
            _mode.ReportRejected(modes[index]);
        if (answers[index].Reply is { Found: { } found } reply)
            _key.Report(reply, found);
        return true;
    }
}
