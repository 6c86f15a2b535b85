using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Logging;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>
/// Connects a client to the target: forwards the client's hello and the target's challenge and hello, each with its cipher capabilities
/// replaced by those of the other leg, and then hands both legs to a <see cref="RelaySession"/>. A request that the target answers with a
/// single packet opens no session.
/// </summary>
internal sealed class GatewayHandshake(GatewayOptions options, ILogger log)
{
    /// <summary>The most challenges that a target may send; arbitrary, real servers have one to three authentication modules.</summary>
    private const int MaxChallenges = 5;

    /// <summary>The most packets that a target may send before its hello; arbitrary, real servers send a few events at most.</summary>
    private const int MaxPacketsBeforeHello = 100;

    // The client's answer to the listener's own challenge, which the target must not see.
    private static readonly string[] s_answers = ["challenge", "challenge_response", "challenge_client_salt", "challenge_padding"];

    // Servers before 5 take these requests for a session, whose client then sends this packet (PROTOCOL section 14). The gateway sends it,
    // as clients cannot: the answer to a request has no cipher capabilities, and those of 6.4 and later would send it unencrypted.
    private static readonly Dictionary<string, string> s_endings = new() { ["stop"] = "shutdown-server", ["exit"] = "exit-server" };

    // Servers answer these requests with a packet of that name instead of a hello; later ones put the name of a subsystem before it.
    private const string Screenshot = "screenshot";
    private static readonly string[] s_pictures = [Screenshot, "icon"];
    private const string PictureSubsystem = "display-";

    /// <summary>How long a target may take to confirm that it ends; arbitrary: servers do so at once, and clients of the development tree give up after 10 s.</summary>
    private static readonly TimeSpan s_endTimeout = TimeSpan.FromSeconds(5);

    // The first one, until one of them has been connected to.
    private TargetOptions _target = options.Targets[0];

    // The latest request: a client's answer to a challenge is another hello, which may ask for something else.
    private string? _request;

    /// <summary>The encoding of the hello to the target, and whether packets have to be translated because the client does not support it.</summary>
    internal readonly record struct Attempt(PacketEncoding Encoding, bool Translate);

    /// <summary>What the target made of a client's hello: a session, or one packet that answers the request and is still to be sent.</summary>
    internal readonly record struct Outcome(RelaySession? Session, string? Request, object?[]? Answer);

    /// <summary>Connects to the target and completes the client's handshake with its answers.</summary>
    /// <exception cref="XpraAesException">The target cannot be reached or refuses; the client has been sent the reason.</exception>
    public async Task<Outcome> OpenAsync(PacketChannel channel, ServerHandshake handshake, HandshakeResult client, string peer, CancellationToken cancellationToken)
    {
        _request = client.Request;
        try
        {
            var attempts = Attempts(client);
            for (var i = 0; ; i++)
            {
                try
                {
                    return await OpenAsync(attempts[i], channel, handshake, client, peer, cancellationToken).ConfigureAwait(false);
                }
                catch (XpraAesException e) when (e.Target is not null && i + 1 < attempts.Count && e.Id is XpraErrorId.PeerSentText or XpraErrorId.ConnectionLost)
                {
                    Log.TryingAgain(log, _target.Endpoint.ToString(), e.Id, attempts[i + 1].Encoding.ToString());
                }
            }
        }
        catch (XpraAesException e) when (e.Target is not null)
        {
            await ReportToClientAsync(handshake, e, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends the client the target's own disconnect packet, or one that describes the failure.</summary>
    private async Task ReportToClientAsync(ServerHandshake handshake, XpraAesException failure, CancellationToken cancellationToken)
    {
        try
        {
            var disconnect = failure.InnerException is RefusedException refusal
                ? PacketTranslator.ToText(refusal.Disconnect.Items)
                : Refusals.TargetFailed(failure.Message);
            if (_request is not null)
                disconnect = Refusals.ToRequest(disconnect);
            await handshake.ForwardAsync(disconnect, cancellationToken).ConfigureAwait(false);
        }
        catch (XpraAesException)
        {
            // The client is gone as well.
        }
    }

    /// <summary>The client's own encoding first, then the others it supports, then those that need translation.</summary>
    private static List<Attempt> Attempts(HandshakeResult client)
    {
        var known = new[] { client.Encoding }.Concat(Hello.AnnouncedEncodings(client.PeerHello)).Distinct().ToList();
        return
        [
            .. known.Where(encoding => encoding != PacketEncoding.Bencode).Select(encoding => new Attempt(encoding, Translate: false)),
            .. new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode }.Except(known).Select(encoding => new Attempt(encoding, Translate: true)),
        ];
    }

    private async Task<Outcome> OpenAsync(Attempt attempt, PacketChannel channel, ServerHandshake handshake, HandshakeResult client, string peer, CancellationToken cancellationToken)
    {
        PacketChannel? targetChannel = null;
        ClientLeg? leg = null;
        var awaitingTarget = true;
        try
        {
            var (target, stream, targetPeer) = await options.Health.ConnectAsync(options.Targets, options.Client, cancellationToken).ConfigureAwait(false);
            _target = target;
            targetChannel = new PacketChannel(stream, options.Limits, targetPeer, log) { Encoding = attempt.Encoding };
            targetChannel.TrustPeer();
            leg = new ClientLeg(targetChannel, CipherOptions(), options.Limits.HandshakeTimeout, options.Limits, log);
            await leg.SendHelloAsync(HelloFor(client, attempt, answersTarget: false), cancellationToken).ConfigureAwait(false);
            for (int packets = 0, challenges = 0; packets < MaxPacketsBeforeHello; packets++)
            {
                var packet = await leg.ReceiveAsync(cancellationToken).ConfigureAwait(false);
                if (packet.Type == Hello.ChallengeType && challenges++ < MaxChallenges)
                {
                    leg.Accept(packet.Dictionary(2));
                    awaitingTarget = false;
                    var routed = client.PeerHello;
                    client = await handshake.ChallengeAsync(ToText(packet.Header.Encoding, packet.Items), cancellationToken).ConfigureAwait(false);
                    awaitingTarget = true;
                    if (options.IsRoutedByHello)
                        RouteRequest.CopyNames(routed, client.PeerHello);
                    _request = client.Request;
                    await leg.SendHelloAsync(HelloFor(client, attempt, answersTarget: true), cancellationToken).ConfigureAwait(false);
                }
                else if (packet.Type == Hello.PacketType && packet.Dictionary(1) is { } hello)
                {
                    if (client.Request is not null && s_endings.TryGetValue(client.Request, out var ending))
                        throw await EndTargetAsync(leg, packet.Header, hello, ending, cancellationToken).ConfigureAwait(false);
                    var toClient = HelloToClient(leg, packet.Header, hello, client, attempt);
                    awaitingTarget = false;
                    if (client.Request is null)
                        await handshake.SendHelloAsync(toClient, cancellationToken).ConfigureAwait(false);
                    else
                        await handshake.SendAnswerAsync(client.Request, toClient, cancellationToken).ConfigureAwait(false);
                    return new Outcome(new RelaySession(
                        channel, CipherLeg.Of(peer, client.PeerVersion, client.Send, client.Receive, client.Key, channel),
                        targetChannel, CipherLeg.Of(targetPeer, Hello.VersionOf(hello), leg.Send, leg.Receive, leg.Key, targetChannel),
                        attempt.Encoding != client.Encoding ? new PacketTranslator(attempt.Encoding, options.Limits) : null,
                        attempt.Translate ? new PacketTranslator(client.Encoding, options.Limits) : null,
                        holdUntilProven: client is { KeyProven: false, Request: null, Send: not null } && !options.AllowSilentClients, // the answer to a request is sent in any case
                        options.Limits)
                    { Target = _target.Endpoint }, null, null);
                }
                else if (s_pictures.Contains(client.Request) && (packet.Type == client.Request || packet.Type == PictureSubsystem + client.Request))
                {
                    await targetChannel.DisposeAsync().ConfigureAwait(false);
                    return new Outcome(null, client.Request, ToText(packet.Header.Encoding, packet.Items));
                }
            }
            throw new MalformedPacketException("The target sent packets, but no hello.");
        }
        catch (Exception e)
        {
            if (targetChannel is not null)
                await targetChannel.DisposeAsync().ConfigureAwait(false);
            // Where the leg is encrypted, a plaintext packet may be anyone's.
            if (client.Request is not null && e is RefusedException { Disconnect: var disconnect } && Refusals.IsDone(disconnect) && (leg?.Receive is null || disconnect.Header.IsEncrypted))
                return new Outcome(null, client.Request, PacketTranslator.ToText(disconnect.Items));
            if (awaitingTarget && e is XpraAesException failure)
                throw new XpraAesException(failure.Id, failure.Message, failure.RecommendedAction, failure) { Target = _target.ToString(), IsOfKeyHolder = client.KeyProven };
            throw;
        }
    }

    /// <summary>Sends the packet that ends a server which has taken the request for a session, and awaits its disconnect.</summary>
    /// <returns>The target's disconnect, or what happened instead of it.</returns>
    private static async Task<XpraAesException> EndTargetAsync(ClientLeg leg, PacketHeader header, XpraDictionary hello, string ending, CancellationToken cancellationToken)
    {
        leg.Accept(hello);
        leg.Complete(hello, header);
        if (ending == s_endings["stop"] && hello.GetBoolean("client-shutdown") == false)
            return NotEnded("it does not let its clients stop it");
        await leg.Channel.SendAsync([ending], cancellationToken).ConfigureAwait(false);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_endTimeout);
        try
        {
            while (true)
                await leg.ReceiveAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (RefusedException disconnect)
        {
            return disconnect;
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.ConnectionLost)
        {
            // It has had the request, so it must not be asked again in another encoding.
            return NotEnded("it closed the connection without saying that it ends");
        }
        catch (Exception e) when (e is XpraAesException { Id: XpraErrorId.HandshakeTimeout } or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return NotEnded("it has not ended: it may not let its clients stop it");
        }
    }

    private static XpraAesException NotEnded(string how) => new(XpraErrorId.RequestRefused, how, "See its log: a server started with XPRA_CLIENT_CAN_SHUTDOWN=0 does not allow it.");

    /// <summary>Completes the target's leg with its hello, and turns that into the hello for the client.</summary>
    internal static XpraDictionary HelloToClient(ClientLeg leg, PacketHeader header, XpraDictionary hello, HandshakeResult client, Attempt attempt)
    {
        if (client.Request is null || CipherCapabilities.IsIn(hello))
            leg.Accept(hello);
        leg.Complete(hello, header);
        CipherCapabilities.Remove(hello);
        hello = (XpraDictionary)ToText(header.Encoding, [Hello.PacketType, hello])[1]!;
        // Without aliases the client writes packet types as names: its first packet is checked by that name, and the translator needs it.
        hello.Remove("aliases");
        // 6.5 clients fail without it, and servers before 5 do not send it.
        if (client.PeerVersion?.StartsWith("6.5", StringComparison.Ordinal) == true && !hello.ContainsKey("file"))
            hello["file"] = new XpraDictionary();
        if (attempt.Translate)
            Hello.AnnounceOnly(hello, client.Encoding);
        else
            Hello.AnnounceOnlyKnown(hello);
        return hello;
    }

    /// <summary>The client's hello for the target: without ciphers, shared memory and the answer to our own challenge. Until the client has proven that it holds the key, also without any request but the one that was allowed.</summary>
    internal XpraDictionary HelloFor(HandshakeResult client, Attempt attempt, bool answersTarget)
    {
        var hello = (XpraDictionary)ToText(client.Encoding, [Hello.PacketType, client.PeerHello.Clone()])[1]!;
        if (options.Challenges && !answersTarget)
        {
            hello.RemoveAll(s_answers.Contains);
        }
        else if (attempt.Encoding == PacketEncoding.Rencode)
        {
            // The browser client writes each byte as one character of text; rencode has only bytes and would encode that text as UTF-8.
            foreach (var name in s_answers.Where(name => hello[name] is string))
                hello[name] = hello.GetBytes(name);
        }
        // Without aliases the target writes packet types as names, which the handshake reads.
        hello.Remove("aliases");
        if (!client.KeyProven && !options.ClientsAreLocal)
            HelloRequest.Restrict(hello, client.Request);
        if (attempt.Translate)
            Hello.AnnounceOnly(hello, attempt.Encoding);
        if (_target.UserName is { } user)
            hello["username"] = user;
        if (_target.SessionName is { } session)
            Hello.NameSession(hello, session);
        CipherCapabilities.Remove(hello);
        // 4.4 servers fail on a session without it, and 3.1 clients that only end the server do not send it.
        if (client.Request is { } request && s_endings.ContainsKey(request) && hello.GetStrings("encodings").Count == 0)
            hello["encodings"] = new object?[] { "rgb32" };
        // Servers before 5 read only this form, and clients from 5 on do not send it.
        if (client.Request == Screenshot)
            hello[$"{Screenshot}_request"] = true;
        Hello.RemoveSharedMemory(hello);
        Hello.AddFlatNames(hello);
        return hello;
    }

    /// <summary>Turns byte strings into text where the packet came in an encoding that has no text type.</summary>
    private static object?[] ToText(PacketEncoding encoding, object?[] packet)
        => encoding == PacketEncoding.RencodePlus ? packet : PacketTranslator.ToText(packet);

    private ClientCipherOptions? CipherOptions() => _target.Keys.Count == 0 ? null : new ClientCipherOptions
    {
        Keys = _target.Keys,
        Mode = _target.Mode,
        KeySize = _target.KeySize,
        KeyHash = _target.KeyHash,
        Iterations = _target.Iterations,
        Stream = _target.Stream,
    };
}
