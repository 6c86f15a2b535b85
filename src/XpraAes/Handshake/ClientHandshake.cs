using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;
using XpraAes.Logging;
using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>
/// The client's side of PROTOCOL section 6:
/// <code>
/// C->S hello      plaintext (or under the fixed first-packet cipher), our capabilities #1
/// S->C challenge  under #1, server capabilities #1       (only where the server asks for a password)
/// C->S hello      under server #1, our capabilities #2
/// S->C hello      under #1 (or #2), server capabilities
/// </code>
/// </summary>
internal sealed class ClientHandshake(PacketChannel channel, ClientHandshakeOptions options, Limits limits, ILogger log)
{
    /// <summary>The most challenges that a server may send; arbitrary, real servers have one to three authentication modules.</summary>
    private const int MaxChallenges = 5;

    private const string ScreenshotType = "screenshot";

    private readonly ClientLeg _leg = new(channel, options.Cipher, options.Timeout, limits, log);

    /// <summary>The cipher that the server was asked for; null before <see cref="SendHelloAsync"/>, and where the connection is unencrypted.</summary>
    public CipherParameters? Receive => _leg.Receive;

    /// <summary>Whether the server may have the request, so that it must not be sent again.</summary>
    public bool IsAsked { get; private set; }

    private bool AllowsXor => options.AllowXor && IsEncrypted;

    /// <summary>Whether the first hello is in plaintext, and so must not show the request.</summary>
    private bool IsHeldBack => options is { HidesRequest: true, Request: not null } && channel.Seal is null;

    private bool IsEncrypted => options.Cipher is not null || channel.Seal is not null;

    /// <summary>Runs the handshake up to the server's hello.</summary>
    /// <exception cref="XpraAesException">Every failure; the id names the cause. The channel cannot be used after that.</exception>
    public async Task<HandshakeResult> RunAsync(CancellationToken cancellationToken)
    {
        await SendHelloAsync(cancellationToken).ConfigureAwait(false);
        return await CompleteAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends the first hello only.</summary>
    public Task SendHelloAsync(CancellationToken cancellationToken)
    {
        channel.Encoding = options.Encoding;
        var first = NewHello(withRequest: !IsHeldBack);
        if (options.Password is not null || IsHeldBack)
            first["challenge"] = true;
        return _leg.SendHelloAsync(first, cancellationToken);
    }

    /// <summary>Every step after <see cref="SendHelloAsync"/>.</summary>
    /// <exception cref="XpraAesException">As <see cref="RunAsync"/>.</exception>
    public async Task<HandshakeResult> CompleteAsync(CancellationToken cancellationToken)
    {
        for (var challenges = 0; ;)
        {
            var packet = await _leg.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            switch (packet.Type)
            {
                case Hello.PacketType when packet.Dictionary(1) is { } hello:
                    // The answer to a request has no cipher capabilities, as the client sends nothing after it.
                    if (options.Request is null)
                        _leg.Accept(hello);
                    _leg.Complete(hello, packet.Header);
                    return new HandshakeResult(_leg.Send, _leg.Receive, hello, KeyProven: IsEncrypted)
                    {
                        IsAuthenticated = challenges > 0,
                        Encoding = packet.Header.Encoding,
                        Key = _leg.Key,
                    };
                case Hello.ChallengeType when challenges++ == MaxChallenges:
                    throw new XpraAesException(XpraErrorId.AuthenticationFailed, "The server keeps repeating its challenge.");
                case Hello.ChallengeType:
                    await AnswerAsync(packet, cancellationToken).ConfigureAwait(false);
                    break;
                default:
                    // Events may arrive before the hello; they are ignored.
                    break;
            }
        }
    }

    /// <summary>Sends the request and receives the answer: the first hello, disconnect or screenshot that follows it.</summary>
    /// <returns>The answer; or the hello of a session with <see cref="RequestAnswer.Session"/>, from a server that sends no challenge although it was asked for one.</returns>
    /// <exception cref="XpraAesException">As <see cref="RunAsync"/>; AuthenticationRequired where a password was needed.</exception>
    public async Task<RequestAnswer> AskAsync(CancellationToken cancellationToken)
    {
        IsAsked = !IsHeldBack;
        await SendHelloAsync(cancellationToken).ConfigureAwait(false);
        for (var challenges = 0; ;)
        {
            Packet packet;
            try
            {
                packet = await _leg.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (RefusedException e) when (e.Id == XpraErrorId.AuthenticationFailed && options.Password is null && challenges > 0)
            {
                throw new XpraAesException(XpraErrorId.AuthenticationRequired, "The server asks for a password, and none was given.", "Give it with -Credential or -PasswordFile.", e);
            }
            catch (RefusedException e) when (IsAsked && IsEncrypted && e.Id == XpraErrorId.PeerDisconnected)
            {
                return new RequestAnswer(e.Disconnect, null);
            }
            switch (packet.Type)
            {
                case Hello.ChallengeType when challenges++ == MaxChallenges:
                    throw new XpraAesException(XpraErrorId.AuthenticationFailed, "The server keeps repeating its challenge.");
                case Hello.ChallengeType:
                    IsAsked = true;
                    await AnswerAsync(packet, cancellationToken).ConfigureAwait(false);
                    break;
                case Hello.PacketType when packet.Dictionary(1) is { } hello && (!IsAsked || OpensSession(hello)):
                    _leg.Accept(hello);
                    _leg.Complete(hello, packet.Header);
                    return new RequestAnswer(packet, new HandshakeResult(_leg.Send, _leg.Receive, hello, KeyProven: IsEncrypted) { IsAuthenticated = challenges > 0, Encoding = packet.Header.Encoding, Key = _leg.Key });
                case Hello.PacketType when packet.Dictionary(1) is not null:
                case ScreenshotType:
                    return new RequestAnswer(packet, null);
                default:
                    // Events may arrive before the answer; they are ignored.
                    break;
            }
        }
    }

    /// <summary>Whether the hello opens a session rather than answering the request: a session has cipher capabilities, or no cipher and the server's features.</summary>
    private bool OpensSession(XpraDictionary hello)
        => CipherCapabilities.IsIn(hello) || options is { Request: not ("info" or "id" or "version"), HidesRequest: true } && Receive is null && hello.ContainsKey("uuid");

    private XpraDictionary NewHello(bool withRequest = true)
    {
        var hello = Hello.ForClient(options.Uuid, options.UserName, AllowsXor);
        if (options.SessionName is { } session)
            Hello.NameSession(hello, session);
        if (options.Request is { } request && withRequest)
        {
            hello["request"] = request;
            hello[$"{request}_request"] = options.Command.Count > 0 ? options.Command.ToArray<object?>() : true; // true up to 4.x
            if (request == "run")
                hello[request] = options.Command.ToArray<object?>();
        }
        return hello;
    }

    private async Task AnswerAsync(Packet challenge, CancellationToken cancellationToken)
    {
        var (digest, saltDigest) = (challenge.Text(3), challenge.Text(4));
        Log.ChallengeReceived(log, channel.Peer, digest, saltDigest);
        // Without a password the challenge is probably only the one that was asked for, to which any response will do.
        using var none = options.Password is null && IsHeldBack ? SecretBuffer.FromUtf8(Hello.NewUuid()) : null;
        if ((options.Password ?? none) is not { } password)
        {
            throw new XpraAesException(XpraErrorId.AuthenticationRequired,
                $"The server asks for {(challenge.Text(5) is { Length: > 0 } prompt ? $"'{prompt}'" : "a password")}, and none was given.",
                "Give it with -Credential or -PasswordFile.");
        }
        if (digest == "xor" && !AllowsXor)
        {
            throw new XpraAesException(XpraErrorId.AuthenticationUnsupported, "The server asks for the password with xor, which reveals it to anyone who can read or tamper with the connection.",
                "Start the server with an authentication module that supports hmac, such as file or env; or use -AllowXor if nobody can tamper with the connection.");
        }
        if (challenge.Bytes(1) is not { Length: >= 16 and <= 256 } serverSalt)
            throw new MalformedPacketException("The server's challenge has no salt of 16 to 256 bytes.");

        var clientSalt = RandomNumberGenerator.GetBytes(Challenge.ClientSaltSize);
        var response = Challenge.Respond(password.Span, serverSalt, clientSalt, digest, saltDigest);
        var hello = NewHello();
        hello["challenge_response"] = response;
        hello["challenge_client_salt"] = clientSalt;
        hello["challenge_padding"] = Challenge.Padding(response.Length);
        _leg.Accept(challenge.Dictionary(2));
        await _leg.SendHelloAsync(hello, cancellationToken).ConfigureAwait(false);
    }
}
