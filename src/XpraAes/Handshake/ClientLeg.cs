using System.Diagnostics;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>
/// The client's half of one encrypted connection to a server: each hello that leaves announces how the server encrypts towards
/// us, and what the server announces sets how we encrypt towards it (PROTOCOL sections 5 and 6). Without cipher options the leg is plain.
/// </summary>
internal sealed class ClientLeg(PacketChannel channel, ClientCipherOptions? cipher, TimeSpan timeout, Limits limits, ILogger log)
{
    /// <summary>Beyond these iterations a packet is a dearer guess at the key data than the tag in our salt would be, and so the salt has none: half of the tag's, as PBKDF2 runs twice for 256 bits under SHA1.</summary>
    private const int MaxTaggedIterations = SaltTags.Iterations / 2;

    private long _asked = Stopwatch.GetTimestamp();
    private bool _keyIsKnown = cipher is not { Keys.Count: > 1 };

    /// <summary>How we encrypt; null while the leg is in clear.</summary>
    public CipherParameters? Send { get; private set; }

    /// <summary>How the server encrypts; null where the leg is plain.</summary>
    public CipherParameters? Receive { get; private set; }

    /// <summary>The key in use: where several were given, the first until the server's packet has shown which; null where the leg is plain.</summary>
    public XpraKey? Key { get; private set; } = cipher?.Keys[0];

    public PacketChannel Channel => channel;

    /// <summary>Sends a hello with new cipher capabilities in it, and expects every answer to be encrypted under them.</summary>
    public async Task SendHelloAsync(XpraDictionary hello, CancellationToken cancellationToken)
    {
        CipherCapabilities.Remove(hello);
        _asked = Stopwatch.GetTimestamp();
        if (cipher is null)
        {
            await channel.SendAsync([Hello.PacketType, hello], cancellationToken).ConfigureAwait(false);
            return;
        }
        if (cipher.FirstPacket is { } first && Send is null)
        {
            Arm(first.Parameters(cipher.Mode));
            CipherLog.FirstPacketEncrypted(log, channel.Peer, Send!);
        }
        // Who encrypts the first packet has chosen a generation: those that pad to 16 bytes have the stream capability, and are told by it.
        var stream = cipher.Stream ?? (cipher.FirstPacket is { PaddingUnit: 16 } ? true : null);
        // Otherwise the server's padding unit shows in its first packet. Only those that pad to 16 can do without a stream.
        var unit = cipher.Stream == false ? 16 : channel.Reader.Decryptor?.PaddingUnit ?? cipher.FirstPacket?.PaddingUnit ?? 0;
        var receive = CipherCapabilities.Generate(cipher.Mode, cipher.KeySize, cipher.KeyHash, cipher.Iterations, PaddingScheme.Pkcs7, unit, stream ?? true);
        CipherCapabilities.Write(hello, receive, stream);
        if (cipher.Salt is not null || cipher.Iterations <= MaxTaggedIterations)
        {
            receive = receive with { Salt = cipher.Salt ?? SaltMemory.Of(Key!).Tags.ForClient(hello, DateTimeOffset.UtcNow) };
            CipherCapabilities.Write(hello, receive, stream);
        }
        var decryptor = SessionCiphers.CreateDecryptor(Key!, receive);
        CipherLog.Announced(log, channel.Peer, receive);
        await channel.SendAsync([Hello.PacketType, hello], cancellationToken).ConfigureAwait(false);
        channel.Reader.Arm(decryptor);
        // Servers refuse in clear what they refuse before their cipher is set: such a packet is read for its reason and trusted in nothing.
        channel.Reader.AllowPlaintext = true;
        Receive = receive;
    }

    /// <summary>Receives the server's next packet before the session stands. A disconnect, or a packet in clear, is thrown as the refusal that it is.</summary>
    public async Task<Packet> ReceiveAsync(CancellationToken cancellationToken)
    {
        var packet = await ReceiveInTimeAsync(cancellationToken).ConfigureAwait(false);
        if (cipher is not null && !packet.Header.IsEncrypted)
            throw AnswerInClear(packet);
        channel.TrustPeer();
        if (packet.Type == Hello.DisconnectType)
            throw Refusals.FromServer(packet, inClear: cipher is null);
        return packet;
    }

    /// <summary>Takes over how the server wants us to encrypt, from its challenge or its hello.</summary>
    /// <exception cref="XpraAesException">CipherCapabilitiesMissing; ModeRejected, IterationsRejected, CipherCapabilitiesInvalid where it is not what was asked for; SaltReused, HelloAltered; and those of <see cref="CipherCapabilities.Read(XpraDictionary)"/>.</exception>
    public void Accept(XpraDictionary? capabilities)
    {
        if (cipher is null)
            return;
        var announced = CipherCapabilities.Read(capabilities) ?? throw new XpraAesException(XpraErrorId.CipherCapabilitiesMissing,
            "The server's answer does not say how to encrypt towards it.",
            "Start the server with encryption=AES on the socket that you connect to.");
        var parameters = announced.Parameters;
        Check(announced);
        SaltMemory.Of(Key!).UseAsClient(announced, Receive!);
        if (channel.Reader.Decryptor is { } decryptor && parameters.Mode == AesMode.CBC)
        {
            // Both directions pad alike. What a packet has shown counts more than what the generation should do.
            if (decryptor.PaddingUnit == 0)
                decryptor.SetPaddingUnit(parameters.PaddingUnit);
            else
                parameters = parameters with { PaddingUnit = decryptor.PaddingUnit };
        }
        Arm(parameters);
        CipherLog.Accepted(log, channel.Peer, parameters);
    }

    /// <summary>The handshake is over: from here on nothing in clear is even looked at.</summary>
    public void Complete(XpraDictionary serverHello, PacketHeader header)
    {
        channel.Encoding = Hello.ChooseEncoding(serverHello, header.Encoding);
        channel.PeerUsesNewNames = Hello.SaysNewNames(serverHello);
        channel.Reader.AllowPlaintext = false;
    }

    /// <summary>A server may ask for more than it was asked for, as far as we bear it, but not for less: whoever can change what it says would make it so.</summary>
    private void Check(CipherCapabilities announced)
    {
        var parameters = announced.Parameters;
        if (parameters.Mode != cipher!.Mode)
        {
            throw new XpraAesException(XpraErrorId.ModeRejected, $"The server wants to be sent AES-{parameters.Mode}, where AES-{cipher.Mode} was asked for.",
                $"Ask for AES-{parameters.Mode}, if that is what it should speak.");
        }
        if (parameters.KeySize < cipher.KeySize)
        {
            throw new XpraAesException(XpraErrorId.CipherCapabilitiesInvalid, $"The server wants a key of {parameters.KeySize * 8} bits, where {cipher.KeySize * 8} were asked for.",
                $"Start it without XPRA_CRYPTO_KEYSIZE; or use -KeySize {parameters.KeySize * 8}, to put up with it.");
        }
        if (parameters.Iterations < limits.MinIterations || KeyStretchingLimits.IsTooExpensive(parameters, limits))
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected,
                $"The server asks for {parameters.Iterations} PBKDF2 iterations of {parameters.KeyHash}; {limits.MinIterations} are the fewest, and the work of {limits.MaxIterations} of SHA1 for 256 bits is the most that is accepted here.",
                "Start it without XPRA_CRYPTO_DEFAULT_ITERATIONS: every version then asks for 1,000 or 10,000.");
        }
        if (parameters.Iterations >= cipher.Iterations)
            return;
        // Versions before 6.2, which know no stream, have 1,000 unless told otherwise.
        if (announced.HasStream)
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected, $"The server asks for {parameters.Iterations} PBKDF2 iterations, where {cipher.Iterations} were asked for, and by its version has 10,000.",
                $"Start it without XPRA_CRYPTO_DEFAULT_ITERATIONS; or use -Iterations {parameters.Iterations}, to put up with it.");
        }
        Log.FewerIterations(log, channel.Peer, parameters.Iterations, cipher.Iterations);
    }

    private void Arm(CipherParameters parameters)
    {
        channel.Writer.Arm(SessionCiphers.CreateEncryptor(Key!, parameters));
        Send = parameters;
    }

    private async Task<Packet> ReceiveInTimeAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // From our last packet on: what the server says meanwhile gives it no more time for its answer.
        var left = timeout - Stopwatch.GetElapsedTime(_asked);
        deadline.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        try
        {
            if (!_keyIsKnown)
                await ChooseKeyAsync(deadline.Token).ConfigureAwait(false);
            return await channel.ReceiveAsync(deadline.Token).ConfigureAwait(false)
                ?? throw new XpraAesException(XpraErrorId.ConnectionLost, "The server closed the connection without an answer.",
                    "See the server's log. xpra closes so when it cannot decrypt the packet, or has no AES on this socket.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not answer within {timeout.TotalSeconds:0.#} s.",
                "xpra servers of 6.4 and later stay silent when they refuse an AES client: Test-XpraAes finds out why, and whether it is xpra at all.");
        }
        catch (MalformedPacketException e) when (e.Id == XpraErrorId.KeyMismatch)
        {
            throw new XpraAesException(XpraErrorId.KeyMismatch, "The server's answer does not decrypt: it holds other key data.",
                "Compare the fingerprints of both key files (Get-XpraAesKey). A byte order mark, a space, or another encoding makes another key. A 3.1 server speaks CBC whatever mode is asked for. Test-XpraAes tells which it is.", e);
        }
    }

    private async Task ChooseKeyAsync(CancellationToken cancellationToken)
    {
        if (await KeyTrial.FindAsync(channel, cipher!.Keys, Receive!, limits, cancellationToken).ConfigureAwait(false) is not { } key)
            return; // in clear, or no key fits: the packet is read, and refused, as always
        Key = key;
        _keyIsKnown = true;
        Log.KeyChosen(log, channel.Peer, key.Fingerprint);
        channel.Reader.Arm(SessionCiphers.CreateDecryptor(key, Receive!));
    }

    private static XpraAesException AnswerInClear(Packet packet) => packet.Type switch
    {
        Hello.DisconnectType => Refusals.FromServer(packet, inClear: true),
        Hello.PacketType => new XpraAesException(XpraErrorId.PlaintextPacket,
            "The server answered in clear: AES is off there.",
            "Start the server with encryption=AES on this socket. Versions 6.4 and 6.5 ignore that option silently."),
        _ => new XpraAesException(XpraErrorId.PlaintextPacket, $"The server sent '{PeerIdentification.Sanitize(packet.Type)}' in clear where encryption was asked for."),
    };
}
