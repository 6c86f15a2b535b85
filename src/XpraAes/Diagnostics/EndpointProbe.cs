using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>
/// Finds out why an AES connection to an endpoint comes about or not. It asks for <c>info</c>, as <c>xpra info</c> does: that opens no
/// session, and so neither disturbs one nor counts as a client that comes and goes. What does not decrypt is looked into offline; only
/// where an answer does not come are further connections made, in clear, to name the cause.
/// </summary>
internal sealed class EndpointProbe
{
    /// <summary>The longest wait for an answer to a further question; arbitrary, servers that answer at all do so at once.</summary>
    private static readonly TimeSpan s_longestFollowUp = TimeSpan.FromSeconds(5);

    /// <summary>After this without an answer the cause is looked for, while the answer may still come; arbitrary.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(2);

    private readonly ConnectOptions _options;
    private readonly Action<string> _progress;
    private readonly ProbeReport _report;
    private readonly TimeSpan _followUp;
    private readonly string _uuid = Hello.NewUuid();
    private PacketEncoding _encoding = PacketEncoding.RencodePlus;
    private ProbeAnswer? _version;
    private ProbeAnswer? _infoInClear;

    private EndpointProbe(ConnectOptions options, Action<string>? progress)
    {
        _options = options;
        _progress = step =>
        {
            Log.Probing(options.Logger, options.Endpoint.ToString(), step);
            progress?.Invoke(step);
        };
        _report = new ProbeReport(options.Endpoint);
        _followUp = options.Timeout < s_longestFollowUp ? options.Timeout : s_longestFollowUp;
    }

    /// <summary>Probes an endpoint: a diagnosis for each check, the cause first. Whatever the endpoint does is a finding, and no exception.</summary>
    /// <param name="options">Where, how and with which keys.</param>
    /// <param name="progress">Told what is being done, in a few words.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="XpraAesException">InvalidOption, IterationsRejected: an option is out of its range.</exception>
    public static async Task<IReadOnlyList<Diagnosis>> RunAsync(ConnectOptions options, Action<string>? progress, CancellationToken cancellationToken)
    {
        OptionChecks.Require(options.KeySize, options.Iterations);
        using var key = options.Key.Clone();
        var probe = new EndpointProbe(options with { Key = key }, progress);
        await probe.ExamineAsync(cancellationToken).ConfigureAwait(false);
        return probe._report.ToDiagnoses();
    }

    private IReadOnlyList<XpraKey> Keys => [_options.Key, .. _options.OtherKeys];

    private async Task ExamineAsync(CancellationToken cancellationToken)
    {
        _progress($"asking in AES-{_options.Mode}");
        using var asked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asking = AskEncryptedAsync(asked.Token);
        if (!_options.EncryptFirstPacket && await Task.WhenAny(asking, Task.Delay(s_silence, cancellationToken)).ConfigureAwait(false) != asking
            && (await AskVersionAsync(cancellationToken).ConfigureAwait(false)).IsXpra
            && await ExplainByWhatItSaysInClearAsync("It gives an encrypted hello no answer.", s_silence, asking, cancellationToken).ConfigureAwait(false))
        {
            await asked.CancelAsync().ConfigureAwait(false);
            await ((Task)asking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }
        var answer = await asking.ConfigureAwait(false);
        if (answer.Reply is { } reply)
        {
            JudgeReply(answer, reply);
            if (reply.IsAsAsked && !_options.EncryptFirstPacket)
                await CheckEnforcementAsync(answer, cancellationToken).ConfigureAwait(false);
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
            case DiagnosisFinding.Refused when IsOfListener(failure):
                await ExplainListenerAsync(failure, cancellationToken).ConfigureAwait(false);
                break;
            default:
                JudgeFailure(failure);
                break;
        }
    }

    private static bool IsOfListener(XpraAesException failure) => failure.Message.Contains(Refusals.ForStrangers, StringComparison.Ordinal);

    private Task CheckEnforcementAsync(ProbeAnswer first, CancellationToken cancellationToken)
    {
        _progress("asking as one without the key");
        var check = new EnforcementCheck((request, command, cipher, patience) => AskAsync(request, cipher, _encoding, patience < _followUp ? patience : _followUp, cancellationToken, command), _report);
        return check.RunAsync(_options.CipherOptions(Keys, null), first);
    }

    /// <summary>A listener of ours says nothing to strangers: what of the hello it does not take, trial shows.</summary>
    private async Task ExplainListenerAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        FindXpra();
        _progress("asking with a salt that does not tell the time");
        var cipher = _options.CipherOptions(Keys, null) with { Salt = RandomNumberGenerator.GetBytes(ProtocolDefaults.SaltSize) };
        if ((await AskAsync("version", cipher, _encoding, _followUp, cancellationToken).ConfigureAwait(false)).Reply is not null)
        {
            Find(DiagnosisFinding.HelloExpired, "A listener of this module has AES on, and refuses only hellos that tell the time: the clocks of the two machines differ by more than it allows.",
                "Set the clocks of both machines; or allow more: Start-XpraAesListener -Limit @{ HelloAge = … }.");
            return;
        }
        if (!await ExplainByTrialAsync(cancellationToken).ConfigureAwait(false))
            JudgeFailure(failure);
    }

    /// <summary>The answer came encrypted: what does it tell?</summary>
    private void JudgeReply(ProbeAnswer answer, EncryptedReply reply)
    {
        _report.PeerVersion ??= VersionIn(answer.Hello?.PeerHello);
        FindXpra();
        Find(DiagnosisFinding.Encrypted, "The server answers encrypted.");
        if (reply.Found is not { } found)
        {
            Find(DiagnosisFinding.KeyMismatch,
                "The server holds another key: its answer decrypts neither with this key nor with any of its usual other forms, in no mode.",
                "Compare the fingerprints of the key files on both sides (Get-XpraAesKey), and copy the right one over.");
            return;
        }
        JudgeKey(reply, found);
        JudgeMode(found);
        Find(DiagnosisFinding.IterationsAccepted, $"The server takes {_options.Iterations} iterations.");
        JudgePadding(answer, reply, found);
        if (answer.Failure is { } failure)
            JudgeRefusal(failure);
        else if (answer.Hello is { } hello)
            Find(hello.IsAuthenticated ? DiagnosisFinding.Authenticated : DiagnosisFinding.NoAuthentication,
                hello.IsAuthenticated ? "The server took the password." : "The server asks for no password.");
    }

    private void JudgeKey(EncryptedReply reply, CipherParameters found)
    {
        if (reply.KeyForm == KeyVariants.Password)
        {
            Find(DiagnosisFinding.KeyMismatch, "The server has no key of its own: it takes the password for it, as xpra up to 6.1 does.",
                "Use -PasswordAsKey; or better, give the server a key file, since a password can be guessed at.");
        }
        else if (reply.KeyForm is { } form)
        {
            Find(DiagnosisFinding.KeyFormDiffers, $"The key is right but for its form: the server holds it {form}.",
                "Make the key files the same on both sides, byte for byte: copy one over the other. CR and LF at the ends of a key file do not count, everything else does.");
        }
        else if (found.KeySize != _options.KeySize || found.KeyHash != _options.KeyHash)
        {
            Find(DiagnosisFinding.KeySizeIgnored,
                $"The key is right, but the server derives {8 * found.KeySize} bits of it by {found.KeyHash}, whatever it is asked for, as xpra before 4.3 does.",
                $"Leave -KeySize and -KeyHash out: {8 * found.KeySize} bits by {found.KeyHash} are in every version.");
        }
        else
        {
            Find(DiagnosisFinding.KeyRight, "The server holds the same key: its answer decrypts.");
        }
    }

    private void JudgeMode(CipherParameters found)
    {
        if (found.Mode != _options.Mode)
        {
            Find(DiagnosisFinding.ModeIgnored, $"The server encrypts in AES-{found.Mode}, whatever mode is asked for, as xpra before 4.3 does.",
                $"Ask for AES-{found.Mode}: encryption=AES{(found.Mode == AesMode.CBC ? "" : $"-{found.Mode}")} in the URI, or -Mode {found.Mode}.");
        }
        else if (found.Stream && _options.Stream == false)
        {
            Find(DiagnosisFinding.StreamIgnored, "The server encrypts all packets as one stream, although it was asked for an IV in every packet: its version, before 6.2, does not know that.",
                "Leave -NoStream out.");
        }
        else
        {
            Find(DiagnosisFinding.ModeAccepted, $"The server takes AES-{found.Mode}.");
        }
    }

    private void JudgePadding(ProbeAnswer answer, EncryptedReply reply, CipherParameters found)
    {
        const string gateway = "a gateway: Start-XpraAesListener -Target", noPadding = "AES-CTR, which has no padding";
        var release = XpraRelease.FromPeer(_report.PeerVersion);
        if (!reply.PaddingIsRight)
        {
            var how = found.Padding == PaddingScheme.Legacy ? "with spaces, the legacy padding of xpra up to 5.1" : "in a way that no version of xpra does";
            Find(DiagnosisFinding.PaddingDisagrees, $"The key is right, but the server pads {how}, where PKCS#7 was asked for.", $"Use {noPadding}, or {gateway}.");
        }
        else if (answer.Hello is not { } hello)
        {
            return; // of no interest until something else is put right, and no answer to judge by who it is
        }
        else if (found.Mode != AesMode.CBC)
        {
            Find(DiagnosisFinding.NoPadding, $"AES-{found.Mode} does not pad: there is nothing to disagree about.");
        }
        else if (hello.PeerHello.GetString("session-type") == Responder.SessionType || found.PaddingUnit == 32 && release is { PaddingUnit: 16 })
        {
            Find(DiagnosisFinding.PaddingAdapts, "The other end pads as each client needs it: it is a listener of this module.");
        }
        else if ((found.PaddingUnit == 0 ? release?.PaddingUnit : found.PaddingUnit) is { } unit)
        {
            if (unit == 32)
                Find(DiagnosisFinding.PaddingUnit32, "The server pads CBC to 32 bytes, as xpra before 6.2 does. This module adapts, as a client and as a gateway; xpra's own clients since 6.2 pad to 16, and break on every other packet.",
                    release is { ReadsNestedCapabilities: false } ? $"For clients of xpra 6, put in {gateway}. Another mode does not help: they and this version do not find each other's cipher options." : $"For those, use {noPadding}, or {gateway}.");
            else
                Find(DiagnosisFinding.PaddingUnit16, "The server pads CBC to 16 bytes, as xpra since 6.2 does. This module adapts; xpra's own clients before 6.2 pad to 32 and break on every other packet, and those up to 5.1 are refused for their legacy padding.",
                    $"For clients of 6.0 and 6.1, use {noPadding}. For those up to 5.1, put in {gateway}; another mode does not help them.");
        }
    }

    /// <summary>The key is right, and the server refuses all the same.</summary>
    private void JudgeRefusal(XpraAesException failure)
    {
        // A proxy server has no information of its own, and says so encrypted: that is as good as an answer.
        if (failure.Id == XpraErrorId.PeerDisconnected && failure.Message.Contains("info", StringComparison.OrdinalIgnoreCase))
            Find(DiagnosisFinding.NoAuthentication, $"The server lets us in, but gives no information: {failure.Message}");
        else
            Find(failure);
    }

    /// <summary>A refusal in clear, or no xpra server at all.</summary>
    private void JudgeFailure(XpraAesException failure)
    {
        var finding = Findings.Of(failure);
        if (Findings.Of(finding).Check != DiagnosisCheck.Connection)
            Find(DiagnosisFinding.Connected, "The connection came about.");
        if (Findings.Of(finding).Check > DiagnosisCheck.Protocol)
            Find(DiagnosisFinding.XpraFound, "An xpra server answers.");
        // Servers look at these once they have AES on; at the user's name before that.
        if (finding is DiagnosisFinding.ModeRejected or DiagnosisFinding.ModeUnsupported or DiagnosisFinding.IterationsRejected or DiagnosisFinding.PaddingRejected)
            Find(DiagnosisFinding.Encrypted, "The server has AES on.");
        if (finding == DiagnosisFinding.FirstPacketDisagrees)
            Find(finding, "The server wants its first packet encrypted, and was sent one in clear.", "Use -EncryptFirstPacket, or unset XPRA_ENCRYPT_FIRST_PACKET for the server.");
        else
            Find(failure);
    }

    /// <summary>The server says that it has no AES, or behaves so: does it talk in clear?</summary>
    private async Task ExplainClearAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        await AskVersionAsync(cancellationToken).ConfigureAwait(false);
        FindXpra();
        var info = await AskForInfoInClearAsync(_followUp, cancellationToken).ConfigureAwait(false);
        FindNotEncrypted(info, failure.Message);
    }

    /// <summary>No answer to the encrypted hello, or a closed connection. Servers of 6.4 and later refuse so.</summary>
    private async Task ExplainSilenceAsync(XpraAesException failure, CancellationToken cancellationToken)
    {
        var version = await AskVersionAsync(cancellationToken).ConfigureAwait(false);
        if (!version.IsXpra)
        {
            await IdentifyAsync(failure, version.Failure!, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (await ExplainByWhatItSaysInClearAsync(failure.Message, _followUp, null, cancellationToken).ConfigureAwait(false))
            return;
        FindXpra();
        if (_options.EncryptFirstPacket)
        {
            Find(DiagnosisFinding.FirstPacketDisagrees, "The server wants its first packet in clear, and was sent an encrypted one.", "Leave -EncryptFirstPacket out, or set XPRA_ENCRYPT_FIRST_PACKET=1 for the server.");
            return;
        }
        Find(DiagnosisFinding.Encrypted, "The server has AES on: it does not talk in clear.");
        if (!await ExplainByTrialAsync(cancellationToken).ConfigureAwait(false))
        {
            Find(DiagnosisFinding.HandshakeTimeout, $"The server has AES on, but gives an encrypted hello no answer: {failure.Message}",
                "See the server's log (-d crypto,auth). Servers since 6.2 fail silently where a password has to serve as the key: give them a key file.");
        }
    }

    /// <summary>Servers of 6.4 and later refuse in silence. Whether it is certain that no answer will come: AES is off, or the server's version lacks the mode.</summary>
    /// <param name="otherwise">What the server did, where it says nothing better in clear.</param>
    /// <param name="patience">For its information in clear.</param>
    /// <param name="asking">The question that may still be answered: then nothing is certain; null: none may.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<bool> ExplainByWhatItSaysInClearAsync(string otherwise, TimeSpan patience, Task? asking, CancellationToken cancellationToken)
    {
        var info = await AskForInfoInClearAsync(patience, cancellationToken).ConfigureAwait(false);
        if (asking is { IsCompleted: true })
            return false;
        if (TalksInClear(info))
        {
            FindXpra();
            FindNotEncrypted(info, otherwise);
            return true;
        }
        if (_options.EncryptFirstPacket || !ExplainByVersion())
            return false;
        FindXpra();
        Find(DiagnosisFinding.Encrypted, "The server has AES on: it does not talk in clear.");
        return true;
    }

    /// <summary>Whether the server's version lacks the mode.</summary>
    private bool ExplainByVersion()
    {
        if (XpraRelease.FromPeer(_report.PeerVersion) is not { } release || release.WhyNot(_options.Mode) is not { } reason)
            return false;
        Find(DiagnosisFinding.ModeUnsupported, $"xpra {_report.PeerVersion} does not have AES-{_options.Mode}, which {reason}, and stays silent.",
            $"Use one of its own modes: {string.Join(", ", release.Modes.Select(mode => $"AES-{mode}"))}.");
        return true;
    }

    /// <summary>Whether the server answers in another mode, or with the number of iterations that every server takes: then it is configured so, or limited.</summary>
    private async Task<bool> ExplainByTrialAsync(CancellationToken cancellationToken)
    {
        _progress("asking in other modes");
        // The mode asked for comes first: where that is answered, it was the iterations.
        AesMode[] modes = [.. (XpraRelease.FromPeer(_report.PeerVersion)?.Modes ?? Enum.GetValues<AesMode>())
            .Where(mode => mode != _options.Mode || _options.Iterations != ProtocolDefaults.Iterations)
            .OrderBy(mode => mode != _options.Mode)];
        var answers = await Task.WhenAll(modes.Select(mode => AskAsync("info", _options.CipherOptions(Keys, null) with { Mode = mode, Iterations = ProtocolDefaults.Iterations }, _encoding, _followUp, cancellationToken))).ConfigureAwait(false);
        var place = Array.FindIndex(answers, answer => answer.Reply is not null);
        if (place < 0)
            return false;
        var mode = modes[place];
        if (mode == _options.Mode)
        {
            Find(DiagnosisFinding.IterationsRejected, $"The server takes {ProtocolDefaults.Iterations} iterations, and not {_options.Iterations}.", "Use -Iterations 10000, which suits every version.");
        }
        else
        {
            Find(DiagnosisFinding.ModeRejected, $"The server is configured for AES-{mode}: it answers in that mode, and not in AES-{_options.Mode}.",
                $"Ask for AES-{mode}, or allow AES-{_options.Mode} at the server.");
        }
        if (answers[place].Reply is { Found: { } found } reply)
            JudgeKey(reply, found);
        return true;
    }

    /// <summary>Not even <c>version</c> is answered: who is it?</summary>
    private async Task IdentifyAsync(XpraAesException first, XpraAesException second, CancellationToken cancellationToken)
    {
        if (Findings.Of(second) == DiagnosisFinding.FirstPacketDisagrees && _options.EncryptFirstPacket)
        {
            // It wants an encrypted first packet, and got one in every form that there is.
            FindXpra();
            Find(DiagnosisFinding.Encrypted, "The server has AES on, from the first packet.");
            Find(DiagnosisFinding.KeyMismatch, "The server closes the connection on our encrypted first packet: it holds another key, or is configured for another mode.", "Compare the fingerprints of the key files on both sides (Get-XpraAesKey), and the modes.");
            return;
        }
        var failure = second;
        if (second.Id is XpraErrorId.HandshakeTimeout or XpraErrorId.ConnectionLost)
        {
            _progress("asking in HTTP and TLS");
            failure = await Stranger.IdentifyAsync(_options.Endpoint, _followUp, cancellationToken).ConfigureAwait(false) ?? first;
        }
        if (failure.Id == XpraErrorId.HandshakeTimeout)
        {
            Find(DiagnosisFinding.Connected, "The connection came about.");
            Find(DiagnosisFinding.PeerSilent, "Whatever is there accepts connections and says nothing, not even to xpra's question for its version, a web browser's or a TLS client's.", "Check the port. An xpra server that hangs, or has only just been started, looks like this too.");
            return;
        }
        if (failure.Id == XpraErrorId.ConnectionLost)
            failure = new XpraAesException(failure.Id, "Whatever is there closes every connection without a word.", innerException: failure);
        JudgeFailure(failure);
    }

    private void FindXpra()
    {
        Find(DiagnosisFinding.Connected, "The connection came about.");
        Find(DiagnosisFinding.XpraFound, _report.PeerVersion is { } version ? $"An xpra server answers, of version {version}." : "An xpra server answers.");
    }

    private void FindNotEncrypted(ProbeAnswer info, string otherwise)
    {
        var how = info.Hello is not null ? "It gives its information in clear."
            : TalksInClear(info) ? "It asks for a password in clear."
            : otherwise;
        if (XpraRelease.FromPeer(_report.PeerVersion) is { ServerIgnoresAes: true })
        {
            Find(DiagnosisFinding.NotEncrypted, $"AES is off on this server. {how} xpra {_report.PeerVersion} ignores its options for AES without a word, as all servers of 6.4 and 6.5 do: AES may be configured there, and is off.",
                "Use a server of xpra 6.3 or earlier, or 6.6 or later; or bind it to a Unix socket alone, and put a gateway before that: Start-XpraAesListener -Target. Until then, whatever connects to it is unprotected.");
        }
        else
        {
            Find(DiagnosisFinding.NotEncrypted, $"AES is off on this server. {how}", "Start the server with encryption=AES and a key on the socket that you connect to.");
        }
    }

    private static bool TalksInClear(ProbeAnswer info) => info.Hello is not null || info.Failure?.Id is XpraErrorId.AuthenticationRequired or XpraErrorId.AuthenticationUnsupported;

    private void Find(DiagnosisFinding finding, string message, string? action = null) => _report.Add(finding, message, action);

    private void Find(XpraAesException failure)
    {
        var finding = Findings.Of(failure);
        _report.Add(finding, failure.Message, failure.RecommendedAction ?? Findings.AdviceFor(finding));
    }

    /// <summary>Asks for the version, once, in clear: every server answers, whether AES is on or not.</summary>
    private async Task<ProbeAnswer> AskVersionAsync(CancellationToken cancellationToken)
    {
        if (_version is not null)
            return _version;
        _progress("asking for its version in clear");
        _version = await AskInAnyEncodingAsync("version", null, _followUp, cancellationToken).ConfigureAwait(false);
        _report.PeerVersion ??= VersionIn(_version.Hello?.PeerHello);
        return _version;
    }

    /// <summary>Asks for information in clear, until it is answered: only a server that has AES off does that.</summary>
    private async Task<ProbeAnswer> AskForInfoInClearAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        if (_infoInClear is { Failure.Id: not XpraErrorId.HandshakeTimeout } or { Failure: null })
            return _infoInClear;
        _progress("asking for information in clear");
        return _infoInClear = await AskAsync("info", null, _encoding, patience < _followUp ? patience : _followUp, cancellationToken).ConfigureAwait(false);
    }

    private async Task<ProbeAnswer> AskEncryptedAsync(CancellationToken cancellationToken)
    {
        if (!_options.EncryptFirstPacket)
            return await AskInAnyEncodingAsync("info", _options.CipherOptions(Keys, null), _options.Timeout, cancellationToken).ConfigureAwait(false);
        ProbeAnswer answer = new();
        foreach (var variant in FirstPacket.Attempts)
        {
            answer = await AskAsync("info", _options.CipherOptions(Keys, variant), variant.Encoding, _options.Timeout, cancellationToken).ConfigureAwait(false);
            if (answer.Failure?.Id is not (XpraErrorId.PeerSentText or XpraErrorId.ConnectionLost or XpraErrorId.PeerDisconnected) || Refusals.IsAboutFirstPacket(answer.Failure.Message))
                break;
        }
        return answer;
    }

    /// <summary>First in rencodeplus, and where the server answers that in text, in rencode, which those before 4.3 know.</summary>
    private async Task<ProbeAnswer> AskInAnyEncodingAsync(string request, ClientCipherOptions? cipher, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(request, cipher, _encoding, timeout, cancellationToken).ConfigureAwait(false);
        if (answer.Failure is not { Id: XpraErrorId.PeerSentText } failure || _encoding == PacketEncoding.Rencode || !Refusals.IsTextOfXpra(failure.Message) || Refusals.IsAboutFirstPacket(failure.Message))
            return answer;
        _encoding = PacketEncoding.Rencode;
        return await AskAsync(request, cipher, _encoding, timeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>One connection, one hello. The password is for encrypted connections alone, and for none in which we are a stranger, with a salt of its own.</summary>
    private async Task<ProbeAnswer> AskAsync(string request, ClientCipherOptions? cipher, PacketEncoding encoding, TimeSpan timeout, CancellationToken cancellationToken, params string[] command)
    {
        EncryptedReply? reply = null;
        try
        {
            var (stream, peer) = await TransportTable.ConnectAsync(_options.Endpoint, timeout, _options.Limits, cancellationToken).ConfigureAwait(false);
            await using var channel = new PacketChannel(stream, _options.Limits, peer, _options.Logger);
            channel.TrustPeer(); // whatever is there, it was chosen: its answer may be as large as that of a server we trust
            var handshake = new ClientHandshake(channel, new ClientHandshakeOptions
            {
                Cipher = cipher,
                UserName = _options.UserName,
                Password = cipher is null or { Salt: not null } ? null : _options.Password,
                AllowXor = _options.AllowXor,
                Encoding = encoding,
                Uuid = _uuid,
                Timeout = timeout,
                Request = request,
                Command = command,
            }, _options.Limits, _options.Logger);
            await handshake.SendHelloAsync(cancellationToken).ConfigureAwait(false);
            if (handshake.Receive is { } asked)
            {
                reply = await ReadReplyAsync(channel, asked, timeout, cancellationToken).ConfigureAwait(false);
                if (reply is { IsAsAsked: false })
                    return new ProbeAnswer { Reply = reply };
            }
            return new ProbeAnswer { Reply = reply, Hello = await handshake.CompleteAsync(cancellationToken).ConfigureAwait(false) };
        }
        catch (XpraAesException e)
        {
            return new ProbeAnswer { Reply = reply, Failure = e };
        }
    }

    private async Task<EncryptedReply?> ReadReplyAsync(PacketChannel channel, CipherParameters asked, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            return await EncryptedReply.ReadAsync(channel, Keys, _options.Password, asked, _options.Limits, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not answer within {timeout.TotalSeconds:0.#} s.");
        }
    }

    /// <summary>Where each generation's answers have it: to <c>version</c>, and to <c>info</c> from 6.4 and before.</summary>
    private static string? VersionIn(XpraDictionary? answer)
    {
        var text = answer?.GetString("version")
            ?? answer?.GetDictionary("build")?.GetString("version")
            ?? answer?.GetDictionary("server")?.GetDictionary("build")?.GetString("version")
            ?? answer?.GetString("server.build.version");
        return string.IsNullOrEmpty(text) ? null : PeerIdentification.Sanitize(text);
    }
}
