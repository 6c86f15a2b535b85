using System.Diagnostics;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Handshake;

/// <summary>
/// The client's half of one encrypted connection: each hello it sends announces the cipher for receiving, and the server's capabilities
/// set the cipher for sending (PROTOCOL sections 5 and 6). Without cipher options the leg is unencrypted.
/// </summary>
internal sealed class ClientLeg(PacketChannel channel, ClientCipherOptions? options, TimeSpan timeout, Limits limits, ILogger log)
{
    /// <summary>Beyond these iterations the salt gets no tag, as the tag would be a cheaper way to guess the key data than a packet. Half of the tag's, as SHA1 takes two PBKDF2 blocks for 256 bits.</summary>
    private const int MaxTaggedIterations = SaltTags.Iterations / 2;

    // In a sealed stream the packets are not encrypted again.
    private readonly ClientCipherOptions? _cipher = channel.Seal is null ? options : null;
    private long _lastSent = Stopwatch.GetTimestamp();
    private bool _keyChosen = channel.Seal is not null || options is not { Keys.Count: > 1 };

    /// <summary>The cipher for sending; null while the leg is unencrypted.</summary>
    public CipherParameters? Send { get; private set; }

    /// <summary>The cipher for receiving; null where the leg is unencrypted.</summary>
    public CipherParameters? Receive { get; private set; }

    /// <summary>The key in use: of several, the first one until the server's packet shows which fits; the one that a sealed stream has proven; null where the leg is unencrypted.</summary>
    public XpraKey? Key { get; private set; } = channel.Seal?.Key ?? options?.Keys[0];

    public PacketChannel Channel => channel;

    /// <summary>Sends a hello with new cipher capabilities in it, and expects every answer to be encrypted under them.</summary>
    public async Task SendHelloAsync(XpraDictionary hello, CancellationToken cancellationToken)
    {
        CipherCapabilities.Remove(hello);
        _lastSent = Stopwatch.GetTimestamp();
        if (_cipher is null)
        {
            await channel.SendAsync([Hello.PacketType, hello], cancellationToken).ConfigureAwait(false);
            return;
        }
        if (_cipher.FirstPacket is { } first && Send is null)
        {
            Arm(first.Parameters(_cipher.Mode));
            CipherLog.FirstPacketEncrypted(log, channel.Peer, Send!);
        }
        // An encrypted first packet is made for one generation; those that pad to 16 bytes expect the stream capability.
        var stream = _cipher.Stream ?? (_cipher.FirstPacket is { PaddingUnit: 16 } ? true : null);
        // Otherwise the server's first packet shows its padding unit. Only servers that pad to 16 support stream=false.
        var unit = _cipher.Stream == false ? 16 : channel.Reader.Decryptor?.PaddingUnit ?? _cipher.FirstPacket?.PaddingUnit ?? 0;
        var receive = CipherCapabilities.Generate(_cipher.Mode, _cipher.KeySize, _cipher.KeyHash, _cipher.Iterations, PaddingScheme.Pkcs7, unit, stream ?? true);
        CipherCapabilities.Write(hello, receive, stream);
        if (_cipher.Salt is not null || _cipher.Iterations <= MaxTaggedIterations)
        {
            receive = receive with { Salt = _cipher.Salt ?? SaltMemory.Of(Key!).Tags.CreateClientSalt(hello, DateTimeOffset.UtcNow) };
            CipherCapabilities.Write(hello, receive, stream);
        }
        CipherLog.Announced(log, channel.Peer, receive);
        await channel.SendAsync([Hello.PacketType, hello], cancellationToken).ConfigureAwait(false);
        // While the server works: stretching the key takes milliseconds.
        channel.Reader.Arm(SessionCiphers.CreateDecryptor(Key!, receive));
        // Servers send early refusals in plaintext, before their _cipher is set: such a packet is only read for its reason.
        channel.Reader.AllowPlaintext = true;
        Receive = receive;
    }

    /// <summary>Receives the server's next handshake packet. Throws for a disconnect, and for any unencrypted packet on an encrypted leg.</summary>
    public async Task<Packet> ReceiveAsync(CancellationToken cancellationToken)
    {
        var packet = await ReceiveWithTimeoutAsync(cancellationToken).ConfigureAwait(false);
        if (_cipher is not null && !packet.Header.IsEncrypted)
            throw PlaintextAnswer(packet);
        channel.TrustPeer();
        if (packet.Type == Hello.DisconnectType)
            throw Refusals.FromServer(packet, isPlaintext: _cipher is null);
        return packet;
    }

    /// <summary>Sets the cipher for sending from the server's challenge or hello.</summary>
    /// <exception cref="XpraAesException">CipherCapabilitiesMissing; ModeRejected, IterationsRejected, CipherCapabilitiesInvalid where they differ from what was asked for; SaltReused, HelloAltered; and those of <see cref="CipherCapabilities.Read(XpraDictionary)"/>.</exception>
    public void Accept(XpraDictionary? capabilities)
    {
        if (_cipher is null)
            return;
        var announced = CipherCapabilities.Read(capabilities) ?? throw new XpraAesException(XpraErrorId.CipherCapabilitiesMissing,
            "The server's answer has no cipher capabilities.",
            "Start the server with encryption=AES on the socket that you connect to.");
        var parameters = announced.Parameters;
        RequireAcceptable(announced);
        SaltMemory.Of(Key!).ClaimServerSalt(announced, Receive!);
        if (channel.Reader.Decryptor is { } decryptor && parameters.Mode == AesMode.CBC)
        {
            // Both directions pad alike, so what a packet has shown overrides the generation's default.
            if (decryptor.PaddingUnit == 0)
                decryptor.SetPaddingUnit(parameters.PaddingUnit);
            else
                parameters = parameters with { PaddingUnit = decryptor.PaddingUnit };
        }
        Arm(parameters);
        CipherLog.Accepted(log, channel.Peer, parameters);
    }

    /// <summary>Completes the handshake; from now on unencrypted packets are rejected unread.</summary>
    public void Complete(XpraDictionary serverHello, PacketHeader header)
    {
        channel.Encoding = Hello.ChooseEncoding(serverHello, header.Encoding);
        channel.PeerUsesNewNames = Hello.SaysNewNames(serverHello);
        channel.Reader.AllowPlaintext = false;
    }

    /// <summary>A server may ask for a stronger cipher than requested, within limits, but not for a weaker one: that could be an attacker's downgrade.</summary>
    private void RequireAcceptable(CipherCapabilities announced)
    {
        var parameters = announced.Parameters;
        if (parameters.Mode != _cipher!.Mode)
        {
            throw new XpraAesException(XpraErrorId.ModeRejected, $"The server asks for AES-{parameters.Mode}, but AES-{_cipher.Mode} was requested.",
                $"Ask for AES-{parameters.Mode}, if that is the mode you want.");
        }
        if (parameters.KeySize < _cipher.KeySize)
        {
            throw new XpraAesException(XpraErrorId.CipherCapabilitiesInvalid, $"The server asks for a key of {parameters.KeySize * 8} bits, but {_cipher.KeySize * 8} were requested.",
                $"Start it without XPRA_CRYPTO_KEYSIZE; or use -KeySize {parameters.KeySize * 8} to accept it.");
        }
        if (parameters.Iterations < limits.MinIterations || KeyStretchingLimits.IsTooExpensive(parameters, limits))
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected,
                $"The server asks for {parameters.Iterations} PBKDF2 iterations of {parameters.KeyHash}; accepted here are at least {limits.MinIterations}, and at most the work of {limits.MaxIterations} iterations of SHA1 for 256 bits.",
                "Start it without XPRA_CRYPTO_DEFAULT_ITERATIONS: every version then asks for 1,000 or 10,000.");
        }
        if (parameters.Iterations >= _cipher.Iterations)
            return;
        // Versions before 6.2, which do not announce stream, use 1,000 by default.
        if (announced.HasStream)
        {
            throw new XpraAesException(XpraErrorId.IterationsRejected, $"The server asks for {parameters.Iterations} PBKDF2 iterations, but {_cipher.Iterations} were requested, and the default of its version is 10,000.",
                $"Start it without XPRA_CRYPTO_DEFAULT_ITERATIONS; or use -Iterations {parameters.Iterations} to accept it.");
        }
        Log.FewerIterations(log, channel.Peer, parameters.Iterations, _cipher.Iterations);
    }

    private void Arm(CipherParameters parameters)
    {
        channel.Writer.Arm(SessionCiphers.CreateEncryptor(Key!, parameters));
        Send = parameters;
    }

    private async Task<Packet> ReceiveWithTimeoutAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Counted from our last packet, so that other packets from the server do not extend the timeout.
        var left = timeout - Stopwatch.GetElapsedTime(_lastSent);
        deadline.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        try
        {
            if (!_keyChosen)
                await ChooseKeyAsync(deadline.Token).ConfigureAwait(false);
            return await channel.ReceiveAsync(deadline.Token).ConfigureAwait(false)
                ?? throw new XpraAesException(XpraErrorId.ConnectionLost, "The server closed the connection without an answer.",
                    "See the server's log. xpra does this when it cannot decrypt the packet, or has no AES on this socket.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not answer within {timeout.TotalSeconds:0.#} s.",
                "xpra servers of 6.4 and later do not answer when they refuse an AES client: Test-XpraAes finds out why, and whether it is xpra at all.");
        }
        catch (MalformedPacketException e) when (e.Id == XpraErrorId.KeyMismatch)
        {
            throw new XpraAesException(XpraErrorId.KeyMismatch, "The server's answer does not decrypt: the server has a different key.",
                "Compare the fingerprints of both key files (Get-XpraAesKey). A byte order mark, a space or another encoding makes it a different key. A 3.1 server uses CBC whatever mode is asked for. Test-XpraAes shows which it is.", e);
        }
    }

    private async Task ChooseKeyAsync(CancellationToken cancellationToken)
    {
        if (await KeyTrial.FindAsync(channel, _cipher!.Keys, Receive!, limits, cancellationToken).ConfigureAwait(false) is not { } key)
            return; // plaintext, or no key fits: the packet is then read and refused as usual
        Key = key;
        _keyChosen = true;
        Log.KeyChosen(log, channel.Peer, key.Fingerprint);
        channel.Reader.Arm(SessionCiphers.CreateDecryptor(key, Receive!));
    }

    private static XpraAesException PlaintextAnswer(Packet packet) => packet.Type switch
    {
        Hello.DisconnectType => Refusals.FromServer(packet, isPlaintext: true),
        Hello.PacketType => new XpraAesException(XpraErrorId.PlaintextPacket,
            "The server answered unencrypted: AES is off there.",
            "Start the server with encryption=AES on this socket. Versions 6.4 and 6.5 ignore that option silently."),
        _ => new XpraAesException(XpraErrorId.PlaintextPacket, $"The server sent '{PeerIdentification.Sanitize(packet.Type)}' unencrypted, although encryption was requested."),
    };
}
