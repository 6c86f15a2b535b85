using XpraAes.Administration;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics.Checks;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>Asks an endpoint the probe's questions, each with one hello on one connection. They open no session and disturb none.</summary>
internal sealed class ProbeClient(ConnectOptions options, ProbeReport report, Action<string> progress)
{
    /// <summary>The longest timeout of a follow-up question; arbitrary, since servers that answer do so at once.</summary>
    private static readonly TimeSpan s_longestFollowUp = TimeSpan.FromSeconds(5);

    private readonly string _uuid = Hello.NewUuid();
    private PacketEncoding _encoding = PacketEncoding.RencodePlus;
    private ProbeAnswer? _version;
    private ProbeAnswer? _plaintextInfo;
    private int _tlsReported;

    /// <summary>The keys to try, the most likely first.</summary>
    public IReadOnlyList<XpraKey> Keys { get; } = [options.Key, .. options.OtherKeys];

    /// <summary>The timeout of a follow-up question.</summary>
    public TimeSpan FollowUpTimeout { get; } = Shorter(options.Timeout, s_longestFollowUp);

    /// <summary>The cipher options to probe with.</summary>
    public ClientCipherOptions CipherOptions => options.CipherOptions(Keys, firstPacket: null);

    /// <summary>Asks for <c>info</c> with the options' cipher, as <c>xpra info</c> does.</summary>
    public async Task<ProbeAnswer> AskEncryptedAsync(CancellationToken cancellationToken)
    {
        progress($"asking in AES-{options.Mode}");
        if (!options.EncryptFirstPacket)
            return await AskInAnyEncodingAsync("info", CipherOptions, options.Timeout, cancellationToken).ConfigureAwait(false);
        ProbeAnswer answer = new();
        foreach (var variant in FirstPacket.Attempts)
        {
            answer = await AskAsync("info", options.CipherOptions(Keys, variant), variant.Encoding, options.Timeout, cancellationToken).ConfigureAwait(false);
            if (answer.Failure?.Id is not (XpraErrorId.PeerSentText or XpraErrorId.ConnectionLost or XpraErrorId.PeerDisconnected) || Refusals.IsAboutFirstPacket(answer.Failure.Message))
                break;
        }
        return answer;
    }

    /// <summary>Asks a follow-up question, in the encoding that the server has answered in; the timeout is at most <see cref="FollowUpTimeout"/>.</summary>
    public Task<ProbeAnswer> AskAsync(string request, ClientCipherOptions? cipher, TimeSpan timeout, CancellationToken cancellationToken, params string[] command)
        => AskAsync(request, cipher, _encoding, Shorter(timeout, FollowUpTimeout), cancellationToken, command);

    /// <summary>Asks for the version, once, in plaintext: every server answers, with AES on or off.</summary>
    public async Task<ProbeAnswer> AskVersionAsync(CancellationToken cancellationToken)
    {
        if (_version is not null)
            return _version;
        progress("asking for its version in plaintext");
        _version = await AskInAnyEncodingAsync("version", null, FollowUpTimeout, cancellationToken).ConfigureAwait(false);
        report.PeerVersion ??= ServerInformation.VersionOf(_version.Hello?.PeerHello);
        return _version;
    }

    /// <summary>Asks for information in plaintext, which only a server with AES off answers. Asks again only after a timeout.</summary>
    public async Task<ProbeAnswer> AskForInfoInPlaintextAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_plaintextInfo is { Failure.Id: not XpraErrorId.HandshakeTimeout } or { Failure: null })
            return _plaintextInfo;
        progress("asking for information in plaintext");
        return _plaintextInfo = await AskAsync("info", null, timeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks in rencodeplus, and if the server answers that with text, in rencode, which servers before 4.3 need.</summary>
    private async Task<ProbeAnswer> AskInAnyEncodingAsync(string request, ClientCipherOptions? cipher, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(request, cipher, _encoding, timeout, cancellationToken).ConfigureAwait(false);
        if (answer.Failure is not { Id: XpraErrorId.PeerSentText } failure || _encoding == PacketEncoding.Rencode || !Refusals.IsXpraText(failure.Message) || Refusals.IsAboutFirstPacket(failure.Message))
            return answer;
        _encoding = PacketEncoding.Rencode;
        return await AskAsync(request, cipher, _encoding, timeout, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends one hello on one connection. The password is sent only encrypted, and never with a salt set by the caller, which plays an unauthenticated client.</summary>
    private async Task<ProbeAnswer> AskAsync(string request, ClientCipherOptions? cipher, PacketEncoding encoding, TimeSpan timeout, CancellationToken cancellationToken, params string[] command)
    {
        EncryptedReply? reply = null;
        try
        {
            var (stream, peer) = await TransportTable.ConnectAsync(options.Endpoint, Keys, timeout, options.Limits, cancellationToken).ConfigureAwait(false);
            await using var channel = new PacketChannel(stream, options.Limits, peer, options.Logger);
            if (channel.Tls is { } tls && Interlocked.Exchange(ref _tlsReported, 1) == 0)
                TlsCheck.Report(report, tls, options.Endpoint.Trust ?? TlsTrust.Default);
            channel.TrustPeer(); // the user chose this peer, so its answer may be as large as a trusted server's
            var handshake = new ClientHandshake(channel, new ClientHandshakeOptions
            {
                Cipher = cipher,
                UserName = options.UserName,
                SessionName = options.SessionName,
                Password = channel.Seal is null && cipher is null or { Salt: not null } ? null : options.Password,
                AllowXor = options.AllowXor,
                Encoding = encoding,
                Uuid = _uuid,
                Timeout = timeout,
                Request = request,
                Command = command,
            }, options.Limits, options.Logger);
            await handshake.SendHelloAsync(cancellationToken).ConfigureAwait(false);
            if (handshake.Receive is { } requested)
            {
                reply = await ReadReplyAsync(channel, requested, timeout, cancellationToken).ConfigureAwait(false);
                if (reply is { IsAsRequested: false })
                    return new ProbeAnswer { Reply = reply };
            }
            return new ProbeAnswer { Reply = reply, Hello = await handshake.CompleteAsync(cancellationToken).ConfigureAwait(false) };
        }
        catch (XpraAesException e)
        {
            return new ProbeAnswer { Reply = reply, Failure = e };
        }
    }

    private async Task<EncryptedReply?> ReadReplyAsync(PacketChannel channel, CipherParameters requested, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            return await EncryptedReply.ReadAsync(channel, Keys, options.Password, requested, options.Limits, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new XpraAesException(XpraErrorId.HandshakeTimeout, $"The server did not answer within {timeout.TotalSeconds:0.#} s.");
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
