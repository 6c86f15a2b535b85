using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>
/// The client's side of PROTOCOL section 6. Each hello of ours announces how the server encrypts towards us; the server's
/// challenge and hello announce how we encrypt towards it:
/// <code>
/// C->S hello      clear (or under the fixed first-packet cipher), our capabilities #1
/// S->C challenge  under #1, server capabilities #1       (only where the server asks for a password)
/// C->S hello      under server #1, our capabilities #2
/// S->C hello      under #1 (or #2), server capabilities
/// </code>
/// </summary>
internal sealed class ClientHandshake(PacketChannel channel, ClientHandshakeOptions options, ILogger log)
{
    /// <summary>A server that repeats its challenge more often than this is playing games; arbitrary, real ones have one to three modules.</summary>
    private const int MaxChallenges = 5;

    private CipherParameters? _receive;

    /// <summary>Runs to the server's hello.</summary>
    /// <exception cref="XpraAesException">Whatever went wrong, by its cause. After that the channel is of no use.</exception>
    public async Task<HandshakeResult> RunAsync(CancellationToken cancellationToken)
    {
        channel.Encoding = options.Encoding;
        if (options.FirstPacket is { } first)
            ArmSending(first.Parameters(options.Mode));
        await SendHelloAsync(challenge: null, cancellationToken).ConfigureAwait(false);

        for (var challenges = 0; ;)
        {
            var packet = await ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (!packet.Header.IsEncrypted)
                throw AnswerInClear(packet);
            channel.TrustPeer();
            switch (packet.Type)
            {
                case Hello.PacketType when packet.Dictionary(1) is { } hello:
                    var send = ArmSending(hello);
                    channel.Encoding = Hello.ChooseEncoding(hello, packet.Header.Encoding);
                    channel.Reader.AllowClear = false;
                    return new HandshakeResult(send, _receive!, hello, KeyProven: true);
                case Hello.ChallengeType when challenges++ < MaxChallenges:
                    await AnswerChallengeAsync(packet, cancellationToken).ConfigureAwait(false);
                    break;
                case Hello.DisconnectType:
                    throw Refusals.FromServer(packet, inClear: false);
                case Hello.ChallengeType:
                    throw new XpraAesException(XpraErrorId.AuthenticationFailed, "The server repeats its challenge without end.");
                default:
                    // Events may overtake the hello; they are of no use to us.
                    break;
            }
        }
    }

    private async Task SendHelloAsync(Packet? challenge, CancellationToken cancellationToken)
    {
        var hello = Hello.ForClient(options.Uuid, options.UserName, allowXor: true);
        if (options.Capabilities is { } extra)
        {
            foreach (var (name, value) in extra)
                hello[(string)name] = value;
        }
        if (challenge is not null)
            AddResponse(hello, challenge);
        else if (options.Password is not null)
            hello["challenge"] = true;

        // The server's padding unit shows in its first packet, unless we say ourselves how it is to pad.
        var receive = CipherCapabilities.Generate(options.Mode, options.KeySize, options.KeyHash, options.Iterations,
            PaddingScheme.Pkcs7, PaddingUnitOfServer, options.Stream ?? true);
        CipherCapabilities.Write(hello, receive, options.Stream);
        var decryptor = SessionCiphers.CreateDecryptor(options.Key, receive);
        Log.AnnouncedCipher(log, receive.Mode, receive.KeySize * 8, receive.KeyHash, receive.Iterations, receive.Stream);
        await channel.SendAsync([Hello.PacketType, hello], cancellationToken).ConfigureAwait(false);
        channel.Reader.Arm(decryptor);
        // Servers refuse in clear what they refuse before their cipher is set: such a packet is read for its reason and trusted in nothing.
        channel.Reader.AllowClear = true;
        _receive = receive;
    }

    /// <summary>0, to be learnt from the first packet, until a challenge has shown it.</summary>
    private int PaddingUnitOfServer => options.Stream is not null ? 16 : channel.Reader.Decryptor?.PaddingUnit ?? 0;

    private async Task AnswerChallengeAsync(Packet packet, CancellationToken cancellationToken)
    {
        if (options.Password is null)
        {
            throw new XpraAesException(XpraErrorId.AuthenticationRequired,
                $"The server asks for {(packet.Text(5) is { Length: > 0 } prompt ? $"'{prompt}'" : "a password")}, and none was given.",
                "Give it with -Credential.");
        }
        Log.ChallengeReceived(log, packet.Text(3), packet.Text(4));
        ArmSending(packet.Dictionary(2));
        await SendHelloAsync(packet, cancellationToken).ConfigureAwait(false);
    }

    private void AddResponse(XpraDictionary hello, Packet challenge)
    {
        var serverSalt = challenge.Bytes(1);
        if (serverSalt is not { Length: >= 16 and <= 256 })
            throw new MalformedPacketException("The server's challenge has no salt of 16 to 256 bytes.");
        var clientSalt = RandomNumberGenerator.GetBytes(Challenge.ClientSaltSize);
        var response = Challenge.Respond(options.Password!.Span, serverSalt, clientSalt, challenge.Text(3), challenge.Text(4));
        hello["challenge_response"] = response;
        hello["challenge_client_salt"] = clientSalt;
        hello["challenge_padding"] = Challenge.Padding(response.Length);
    }

    private CipherParameters ArmSending(XpraDictionary? capabilities)
    {
        if (CipherCapabilities.Read(capabilities) is not { } announced)
        {
            throw new XpraAesException(XpraErrorId.CipherCapabilitiesMissing,
                "The server's answer does not say how to encrypt towards it.",
                "Start the server with encryption=AES on the socket that you connect to.");
        }
        var parameters = announced.Parameters;
        if (channel.Reader.Decryptor is { PaddingUnit: > 0 } decryptor && !announced.HasStream && parameters.Mode == AesMode.CBC)
            parameters = parameters with { PaddingUnit = decryptor.PaddingUnit };
        if (parameters.PaddingUnit != 0 && announced.HasStream)
            channel.Reader.Decryptor?.SetPaddingUnit(parameters.PaddingUnit);
        return ArmSending(parameters);
    }

    private CipherParameters ArmSending(CipherParameters parameters)
    {
        channel.Writer.Arm(SessionCiphers.CreateEncryptor(options.Key, parameters));
        return parameters;
    }

    private async Task<Packet> ReceiveAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.Timeout);
        try
        {
            return await channel.ReceiveAsync(deadline.Token).ConfigureAwait(false)
                ?? throw new XpraAesException(XpraErrorId.ConnectionLost, "The server closed the connection without an answer.",
                    "See the server's log. xpra closes so when it cannot decrypt the packet, or has no AES on this socket.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not answer within {options.Timeout.TotalSeconds:0.#} s.",
                "xpra servers of 6.4 and later stay silent when they refuse an AES client: check that AES is on, the mode, and the key. Other programs wait for the client to speak first.");
        }
        catch (MalformedPacketException e) when (channel.Reader.Decryptor is not null)
        {
            throw Undecryptable(e);
        }
    }

    private static XpraAesException Undecryptable(MalformedPacketException e) => new(XpraErrorId.KeyMismatch,
        "The server's answer does not decrypt: it holds other key data.",
        "Compare the fingerprints of both key files (Get-XpraAesKey). A byte order mark, a space, or another encoding makes another key.", e);

    private static XpraAesException AnswerInClear(Packet packet) => packet.Type switch
    {
        Hello.DisconnectType => Refusals.FromServer(packet, inClear: true),
        Hello.PacketType => new XpraAesException(XpraErrorId.PlaintextPacket,
            "The server answered in clear: AES is off there.",
            "Start the server with encryption=AES on this socket. Versions 6.4.0 to 6.5.3 ignore that option silently."),
        _ => new XpraAesException(XpraErrorId.PlaintextPacket, $"The server sent '{Packets.PeerIdentification.Sanitize(packet.Type)}' in clear where encryption was asked for."),
    };
}
