using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>
/// The listener's side of PROTOCOL section 6: the client's hello sets the cipher for sending, and the answer announces the cipher for
/// receiving. Neither a plaintext hello nor one under the fixed first-packet cipher proves that the client holds the key, since both
/// can be replayed; <see cref="HandshakeResult.KeyProven"/> is true only where the hello was encrypted under a salt from this listener.
/// </summary>
internal sealed class ServerHandshake(PacketChannel channel, ServerHandshakeOptions options, ILogger log)
{
    private const string EncryptionError = "encryption error";

    /// <summary>Unencrypted packets of a browser client that are discarded after its hello, and answers to a challenge that it may have sent so; arbitrary, more than it has been seen to send.</summary>
    private const int MaxPlaintextPackets = 16, MaxPlaintextAnswers = 2;

    // In a sealed stream the packets are not encrypted again, and the key is proven already.
    private XpraKey? _key = channel.Seal is null && options.Keys.Count > 0 ? options.Keys[0] : null;
    private CipherParameters? _send;
    private CipherParameters? _receive;
    private SaltMemory? _salts;
    private bool? _streamCapability;
    private bool _challenged;
    private long _helloAt; // of a browser client; 0 for others

    /// <summary>Receives the client's hello, after a challenge where one is needed, and sets both ciphers. The caller answers with <see cref="SendHelloAsync"/> or <see cref="RefuseAsync"/>.</summary>
    /// <exception cref="XpraAesException">The client was refused, and has been sent the reason where it can read it.</exception>
    public async Task<HandshakeResult> RunAsync(CancellationToken cancellationToken)
    {
        if (options.EncryptFirstPacket && channel.Seal is null)
            await ArmForFirstPacketAsync(cancellationToken).ConfigureAwait(false);
        var client = await ReceiveHelloAsync(options.HelloTimeout, cancellationToken).ConfigureAwait(false);
        // Like xpra's servers, answer a version request without a password; the answer reveals no configuration.
        if (options.Password is { } password && client.Request != "version")
            return await AuthenticateAsync(new Authenticator(options.UserName, password), client, cancellationToken).ConfigureAwait(false);
        if (IsChallengedAnyway(client.Request, client.PeerHello, client.IsFromKeyHolder))
            return await ChallengeAnywayAsync(client, cancellationToken).ConfigureAwait(false);
        return client;
    }

    /// <summary>Sends a challenge (the listener's or the target's) with our cipher capabilities, and receives the client's answer, a complete hello.</summary>
    public async Task<HandshakeResult> ChallengeAsync(object?[] challenge, CancellationToken cancellationToken)
    {
        var capabilities = _receive is null ? [] : CipherCapabilities.ForChallenge(_receive, _streamCapability);
        _challenged = true;
        object?[] packet = [.. challenge.Take(2), capabilities, .. challenge.Skip(3)];
        var sent = new Packet(packet, default);
        Log.ChallengeSent(log, channel.Peer, sent.Text(3), sent.Text(4));
        await SendAsync(packet, cancellationToken).ConfigureAwait(false);
        // The answer in plaintext proves nothing, and has been seen by whoever is in the path: it is asked for again.
        for (var i = 0; i < MaxPlaintextAnswers && await DiscardPlaintextAnswerAsync(cancellationToken).ConfigureAwait(false); i++)
            await SendAsync(packet, cancellationToken).ConfigureAwait(false);
        return await ReceiveHelloAsync(options.Limits.ChallengeTimeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether a browser client, which does not wait for its key, has answered a challenge before it could encrypt.</summary>
    private async Task<bool> DiscardPlaintextAnswerAsync(CancellationToken cancellationToken)
    {
        if (_helloAt == 0 || channel.Reader.Decryptor is null)
            return false;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Limits.ChallengeTimeout);
        try
        {
            if ((await channel.PeekHeaderAsync(deadline.Token).ConfigureAwait(false)).IsEncrypted)
                return false;
            deadline.CancelAfter(options.Limits.HandshakeTimeout);
            channel.Reader.AllowPlaintext = true;
            var packet = await channel.ReceiveAsync(deadline.Token).ConfigureAwait(false);
            return packet is { Header.IsEncrypted: false } && packet.Type == Hello.PacketType;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoHello();
        }
        finally
        {
            channel.Reader.AllowPlaintext = false;
        }
    }

    /// <summary>Sends our hello, with the cipher capabilities for the client.</summary>
    public Task SendHelloAsync(XpraDictionary hello, CancellationToken cancellationToken)
    {
        if (_receive is not null)
            CipherCapabilities.Write(hello, _receive, _streamCapability);
        return SendAsync([Hello.PacketType, hello], cancellationToken);
    }

    /// <summary>Sends the answer to a request. As with xpra's servers, only the answer to <c>version</c> has cipher capabilities: that client requires them, others would print them.</summary>
    public Task SendAnswerAsync(string request, XpraDictionary answer, CancellationToken cancellationToken)
        => request == "version" ? SendHelloAsync(answer, cancellationToken) : SendAsync([Hello.PacketType, answer], cancellationToken);

    /// <summary>Ends the handshake with a reason, sent encrypted where there is a cipher.</summary>
    public Task RefuseAsync(string reason, string[] details, CancellationToken cancellationToken) => ForwardAsync(Hello.Disconnect(reason, details), cancellationToken);

    /// <summary>Ends the handshake with this packet, the target's disconnect or its answer to a request.</summary>
    public Task ForwardAsync(object?[] packet, CancellationToken cancellationToken) => SendAsync(packet, cancellationToken);

    private async Task ArmForFirstPacketAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.HelloTimeout);
        try
        {
            var (key, parameters) = await FirstPacket.DetectAsync(channel.Reader, options.Keys, options.Modes, options.Limits, options.Derivations, deadline.Token).ConfigureAwait(false)
                ?? throw new XpraAesException(XpraErrorId.KeyMismatch, "The client's first packet does not decrypt: it is unencrypted, or the client has a different key.",
                    "Set XPRA_ENCRYPT_FIRST_PACKET=1 for the client, or omit -EncryptFirstPacket here, and compare the keys' fingerprints.");
            channel.Reader.Arm(await options.Derivations.RunAsync(() => SessionCiphers.CreateDecryptor(key, parameters), deadline.Token).ConfigureAwait(false));
            _key = key;
            CipherLog.FirstPacketEncrypted(log, channel.Peer, parameters);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoHello();
        }
    }

    private static XpraAesException NoHello() => new(XpraErrorId.HandshakeTimeout, "The client sent no hello in time.");

    /// <summary>Sends with a timeout, for clients that do not read.</summary>
    private async Task SendAsync(object?[] packet, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Limits.HandshakeTimeout);
        try
        {
            if (_helloAt != 0 && options.Limits.BrowserKeyTime - options.Clock.GetElapsedTime(_helloAt) is var rest && rest > TimeSpan.Zero)
                await Task.Delay(rest, deadline.Token).ConfigureAwait(false);
            await channel.SendAsync(packet, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, "The client does not read what it is sent.");
        }
    }

    private async Task<HandshakeResult> AuthenticateAsync(Authenticator authenticator, HandshakeResult client, CancellationToken cancellationToken)
    {
        object?[] challenge;
        try
        {
            challenge = authenticator.CreateChallenge(client.PeerHello);
        }
        catch (XpraAesException e)
        {
            await RefuseAsync(Refusals.AuthenticationError, [Refusals.AuthenticationFailed, e.Message], cancellationToken).ConfigureAwait(false);
            throw;
        }
        var answer = await ChallengeAsync(challenge, cancellationToken).ConfigureAwait(false);
        var isRight = authenticator.Verify(answer.PeerHello);
        Log.ResponseChecked(log, channel.Peer, isRight ? "right" : "wrong");
        if (isRight)
            return answer;
        await Task.Delay(options.Limits.AuthenticationDelay, cancellationToken).ConfigureAwait(false);
        await RefuseAsync(Refusals.AuthenticationError, [Refusals.AuthenticationFailed], cancellationToken).ConfigureAwait(false);
        throw new XpraAesException(XpraErrorId.AuthenticationFailed, "The client gave a wrong password or user name.");
    }

    /// <summary>Whether a client gets a challenge although there is no password: because it expects one, or has to prove its key.</summary>
    private bool IsChallengedAnyway(string? request, XpraDictionary hello, bool isFromKeyHolder)
        => options.SatisfyExpectedChallenge && hello.GetBoolean("challenge") == true || options.RequireProof(request, isFromKeyHolder);

    /// <summary>Sends a challenge whose answer is not checked. A client with a password sends its complete hello only after one, and every answer proves the key.</summary>
    private Task<HandshakeResult> ChallengeAnywayAsync(HandshakeResult client, CancellationToken cancellationToken)
    {
        using var noPassword = new SecretBuffer(0);
        return ChallengeAsync(new Authenticator(null, noPassword).CreateChallenge(client.PeerHello), cancellationToken);
    }

    private async Task<HandshakeResult> ReceiveHelloAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var packet = await ReceivePacketAsync(timeout, cancellationToken).ConfigureAwait(false);
        var underOurSalt = _receive is not null;
        if (underOurSalt)
            _salts!.MarkProven(_send!.Salt.Span);
        var (hello, isFromKeyHolder) = await AcceptAsync(packet, underOurSalt, cancellationToken).ConfigureAwait(false);
        var isProven = underOurSalt || channel.Seal is not null;
        return new HandshakeResult(_send, _receive, hello, isProven)
        {
            Request = HelloRequest.Read(hello),
            IsFromKeyHolder = isProven || isFromKeyHolder,
            Encoding = packet.Header.Encoding,
            Key = _key ?? channel.Seal?.Key,
        };
    }

    private async Task<Packet> ReceivePacketAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        Packet? packet;
        try
        {
            if (timeout > options.Limits.HandshakeTimeout)
            {
                // The user may take long to type a password; once the packet has started, the usual timeout applies.
                await channel.PeekAsync(1, deadline.Token).ConfigureAwait(false);
                deadline.CancelAfter(options.Limits.HandshakeTimeout);
            }
            packet = await channel.ReceiveAsync(deadline.Token).ConfigureAwait(false);
            if (packet is { Header.IsEncrypted: true, HasName: false })
                throw MalformedPacketException.Undecryptable();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw NoHello();
        }
        catch (MalformedPacketException e) when (e.Id == XpraErrorId.KeyMismatch)
        {
            throw new XpraAesException(XpraErrorId.KeyMismatch, "The client's packet does not decrypt: the client has a different key.", innerException: e);
        }
        if (packet is null)
            throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection before its hello.");
        if (packet.Type != Hello.PacketType || packet.Dictionary(1) is null)
            throw new MalformedPacketException("The client's first packet is not a hello.");
        return packet;
    }

    /// <summary>
    /// Sets both ciphers from the client's hello, or refuses it. A refused cipher gets one fixed plaintext answer, as nothing may be
    /// encrypted with it; a refused request gets an encrypted one.
    /// </summary>
    /// <returns>The hello, and whether its salt shows that a key holder made it.</returns>
    private async Task<(XpraDictionary Hello, bool IsFromKeyHolder)> AcceptAsync(Packet packet, bool isProven, CancellationToken cancellationToken)
    {
        var hello = packet.Dictionary(1)!;
        channel.PeerUsesNewNames = Hello.SaysNewNames(hello);
        if (_send is null)
            channel.Encoding = Hello.ChooseEncoding(hello, packet.Header.Encoding);
        if (_key is not { } key)
        {
            options.HelloAccepted?.Invoke();
            await ThrowIfRefusedAsync(CipherRefusal(hello) ?? RequestRefusal(hello, isFromKeyHolder: false), cancellationToken).ConfigureAwait(false);
            return (hello, false);
        }
        CipherCapabilities announced;
        bool isFromKeyHolder;
        try
        {
            announced = CheckCapabilities(hello);
            _salts ??= SaltMemory.Of(key);
            isFromKeyHolder = _salts.ClaimClientSalt(announced.Parameters.Salt.Span, hello, options.Source, isProven, options.Limits, options.Clock.GetUtcNow());
        }
        catch (XpraAesException)
        {
            await RefuseUnprovenAsync(cancellationToken).ConfigureAwait(false);
            throw;
        }

        options.HelloAccepted?.Invoke();
        var send = announced.Parameters;
        if (!send.Stream) // only the browser client
        {
            _helloAt = options.Clock.GetTimestamp();
            channel.Reader.PlaintextToDiscard = IsProven ? 0 : MaxPlaintextPackets;
        }
        CipherLog.Accepted(log, channel.Peer, send);
        if (send.Mode == AesMode.CBC && !announced.HasStream && channel.Reader.Decryptor is { PaddingUnit: > 0 } earlier)
            send = send with { PaddingUnit = earlier.PaddingUnit };
        var refusal = RequestRefusal(hello, isFromKeyHolder);
        // The browser client, the only one with stream=false, keeps sending while it derives a new key: under the key from the challenge,
        // which is therefore kept (each packet has its own IV), or in plaintext. So it gets no more iterations than it asks of us.
        var receive = refusal is null && (send.Stream || _receive?.Mode != send.Mode) ? CreateReceiveParameters(announced, send) : null;
        // Both in one turn at the gate, as an accepted client needs both.
        var (encryptor, decryptor) = await options.Derivations.RunAsync(
            () => (SessionCiphers.CreateEncryptor(key, send), receive is null ? null : SessionCiphers.CreateDecryptor(key, receive)), cancellationToken).ConfigureAwait(false);
        channel.Writer.Arm(encryptor);
        await ThrowIfRefusedAsync(refusal, cancellationToken).ConfigureAwait(false);

        _streamCapability = announced.HasStream ? send.Stream : null;
        if (decryptor is not null)
        {
            channel.Reader.Arm(decryptor);
            _receive = receive;
            CipherLog.Announced(log, channel.Peer, receive!);
        }
        _send = send;
        return (hello, isFromKeyHolder);
    }

    /// <summary>Chooses the cipher that the client is to encrypt with.</summary>
    private CipherParameters CreateReceiveParameters(CipherCapabilities announced, CipherParameters send)
    {
        var iterations = send.Stream ? options.Iterations : Math.Min(options.Iterations, send.Iterations);
        var padding = announced.PaddingOptions.Contains(PaddingScheme.Pkcs7) ? PaddingScheme.Pkcs7 : PaddingScheme.Legacy;
        var receive = CipherCapabilities.Generate(send.Mode, options.KeySize, options.KeyHash, iterations, padding, send.PaddingUnit, send.Stream);
        return receive with { Salt = _salts!.Tags.CreateListenerSalt(send.Salt.Span, receive, announced.HasStream ? send.Stream : null) };
    }

    /// <summary>If there is a refusal, sends the client its reason and throws its cause.</summary>
    private async Task ThrowIfRefusedAsync(Refusal? refusal, CancellationToken cancellationToken)
    {
        if (refusal is null)
            return;
        await RefuseAsync(refusal.Reason, [refusal.Details], cancellationToken).ConfigureAwait(false);
        throw refusal.Cause;
    }

    /// <summary>A listener without a key refuses AES clients, which would otherwise believe that they are encrypted.</summary>
    private static Refusal? CipherRefusal(XpraDictionary hello) => !CipherCapabilities.IsIn(hello) ? null : new(
        EncryptionError,
        "this is the local end of an encrypted connection: take encryption and key out of the client's URI",
        new XpraAesException(XpraErrorId.CipherCapabilitiesInvalid, "The client asks for AES at the local end of an encrypted connection, which accepts only unencrypted clients.",
            "Remove encryption and key from the client's URI: traffic that leaves this machine is encrypted anyway."));

    private CipherCapabilities CheckCapabilities(XpraDictionary hello)
    {
        var announced = CipherCapabilities.Read(hello)
            ?? throw new XpraAesException(XpraErrorId.CipherCapabilitiesMissing, "The client's hello has no cipher capabilities: the client does not use AES.",
                "Give the client encryption=AES and the key, as in the listener's AttachUri.");
        RequireMode(announced.Parameters.Mode);
        var asked = announced.Parameters;
        if (asked.Iterations < options.Limits.MinIterations || KeyStretchingLimits.IsTooExpensive(asked, options.Limits))
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected,
                $"The client asks for {asked.Iterations} PBKDF2 iterations of {asked.KeyHash} for a key of {asked.KeySize * 8} bits; accepted here are at least {options.Limits.MinIterations}, and at most the work of {options.Limits.MaxIterations} iterations of SHA1 for 256 bits.");
        }
        return announced;
    }

    /// <summary>Checks the request only in a complete hello, which comes after the challenge where there is one.</summary>
    private Refusal? RequestRefusal(XpraDictionary hello, bool isFromKeyHolder)
    {
        var request = HelloRequest.Read(hello);
        var isWhole = _challenged || options.Password is null && !IsChallengedAnyway(request, hello, isFromKeyHolder || IsProven);
        if (!isWhole || options.Refuse(request, hello, IsProven, isFromKeyHolder || IsProven) is not { } reason)
            return null;
        var asked = request is null ? "a display" : $"'{PeerIdentification.Sanitize(request)}'";
        return new(Refusals.PermissionError, reason, new XpraAesException(XpraErrorId.RequestRefused, $"The client asks for {asked}, which is not served here."));
    }

    private bool IsProven => _receive is not null || channel.Seal is not null;

    private void RequireMode(AesMode mode)
    {
        if (options.Modes.Contains(mode))
            return;
        var allowed = string.Join(" or ", options.Modes.Select(m => $"encryption=AES-{m}"));
        throw new XpraAesException(XpraErrorId.ModeRejected, $"The client asks for AES-{mode}; the listener accepts {string.Join(", ", options.Modes)}.",
            $"Put {allowed} in the client's URI, or allow {mode} with -Mode.");
    }

    private async Task RefuseUnprovenAsync(CancellationToken cancellationToken)
    {
        // Plaintext only while neither direction is encrypted.
        if (channel.Writer.Encryptor is null && channel.Reader.Decryptor is null)
            await SendAsync(Hello.Disconnect(Refusals.ForUnproven), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Why a client is refused: the reason and details that it is sent, and the exception to throw.</summary>
    private sealed record Refusal(string Reason, string Details, XpraAesException Cause);
}
