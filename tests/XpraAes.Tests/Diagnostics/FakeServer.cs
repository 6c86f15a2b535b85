using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Tests.Diagnostics;

/// <summary>An xpra server of a given generation on a local port, which pads, refuses and answers like that generation. It records what it receives and counts session requests.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ServerTraits _traits;
    private readonly XpraKey? _key;
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly ConcurrentBag<RecordingStream> _streams = [];
    private readonly Task _accepting;

    /// <summary>Starts to listen. Without a key, AES is off.</summary>
    public FakeServer(ServerTraits traits, XpraKey? key)
    {
        _traits = traits;
        _key = key;
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _socket.Listen();
        _accepting = Task.Run(AcceptAsync);
    }

    public XpraEndpoint Endpoint => new(TransportKind.Tcp, "127.0.0.1", ((IPEndPoint)_socket.LocalEndPoint!).Port);

    /// <summary>Whether it leaves some requests unanswered.</summary>
    public bool IsSilent => _traits.Silent;

    /// <summary>Connections so far.</summary>
    public int Connections => _streams.Count;

    /// <summary>The number of hellos that asked for a session.</summary>
    public int Sessions { get; private set; }

    /// <summary>Whether a client asked to take over other sessions: 6.5.3 takes any mention of <c>steal</c> as that.</summary>
    public bool WasClaimed { get; private set; }

    /// <summary>The requests received, encrypted or not.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>The packets received within sessions, but for pings, with their arguments. Types have their old names.</summary>
    public ConcurrentQueue<string> Packets { get; } = [];

    /// <summary>Every byte received, connection by connection.</summary>
    public byte[] Received => [.. _streams.SelectMany(stream => stream.Bytes)];

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _socket.Dispose();
        await _accepting;
        await Task.WhenAll(_serving);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _serving.Add(ServeAsync(await _socket.AcceptAsync(_stopping.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed of.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var stream = new RecordingStream(new NetworkStream(socket, ownsSocket: true));
        _streams.Add(stream);
        await using var channel = new PacketChannel(stream, Limits.Default);
        try
        {
            await ConverseAsync(channel, stream);
            await channel.Reader.DrainAsync(_stopping.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or XpraAesException)
        {
            // The client has gone or sent nonsense, or the test is over.
        }
    }

    private async Task ConverseAsync(PacketChannel channel, RecordingStream stream)
    {
        var header = await channel.PeekHeaderAsync(_stopping.Token);
        if (_traits.EncryptsFirstPacket != header.IsEncrypted)
        {
            await SayAsync(stream, header.IsEncrypted ? "invalid encryption packet flag (no cipher configured)" : "unencrypted packet dropped");
            return;
        }
        if (header.IsEncrypted)
        {
            var variant = FirstPacket.Variants.First(variant => variant.PaddingUnit == _traits.PaddingUnit && variant.Encoding == _traits.Encoding);
            channel.Reader.Arm(SessionCiphers.CreateDecryptor(_key!, variant.Parameters(_traits.Mode ?? AesMode.CBC)));
        }
        else if (header.Encoding == PacketEncoding.RencodePlus && _traits.Encoding != PacketEncoding.RencodePlus)
        {
            await SayAsync(stream, "failed to parse bencode packet");
            return;
        }
        channel.Encoding = _traits.Encoding;
        var hello = await HelloAsync(channel);
        var request = hello.GetString("request");
        Requests.Enqueue(request ?? "session");
        if (request is null)
        {
            Sessions++;
            WasClaimed |= hello.ContainsKey("steal") || hello.GetBoolean("ui_client") != false;
        }
        if (request == "version" && !_traits.HidesVersion)
        {
            await SendAsync(channel, "hello", new XpraDictionary { ["version"] = _traits.ToldVersion ?? _traits.Version });
            return;
        }
        if (_traits.UserName is { } user && hello.GetString("username") != user)
        {
            await SendAsync(channel, "disconnect", hello.ContainsKey("username") ? $"invalid username '{hello.GetString("username")}'" : _traits.Silent ? "missing remote username" : "invalid username ''");
            return;
        }
        if (_key is null)
            await ServePlaintextAsync(channel, hello);
        else
            await ServeEncryptedAsync(channel, hello);
    }

    private async Task ServePlaintextAsync(PacketChannel channel, XpraDictionary hello)
    {
        if (hello.ContainsKey("encryption") && !_traits.AnswersAnyone)
            await RefuseAsync(channel, _traits.Encoding == PacketEncoding.Rencode ? "unsupported cipher" : "the server does not support encryption on this connection");
        else if (_traits.Password is not null)
            await SendAsync(channel, "challenge", new byte[64], "", "hmac+sha512", "hmac+sha512", "password");
        else
            await SendAsync(channel, "hello", Info(hello));
    }

    private async Task ServeEncryptedAsync(PacketChannel channel, XpraDictionary hello)
    {
        if (_traits.AlwaysRefuses is { } always)
        {
            await RefuseAsync(channel, always);
            return;
        }
        if (CipherCapabilities.Read(OwnForm(hello)) is not { } announced)
        {
            await RefuseAsync(channel, "missing encryption tokens from client");
            return;
        }
        if (WhyNot(announced.Parameters) is { } reason)
        {
            await RefuseAsync(channel, reason);
            return;
        }
        ArmSend(channel, announced);
        if (_traits.Password is { } password)
        {
            var authenticator = new Authenticator(null, SecretBuffer.FromUtf8(password));
            var challenge = authenticator.CreateChallenge(hello);
            challenge[2] = Announce(channel, announced);
            if (_traits.Digest is { } digest)
                challenge[3] = digest;
            await SendAsync(channel, challenge);
            hello = await HelloAsync(channel);
            ArmSend(channel, CipherCapabilities.Read(OwnForm(hello))!);
            if (!authenticator.Verify(hello))
            {
                await SendAsync(channel, "disconnect", "authentication failed");
                return;
            }
        }
        else if (hello.ContainsKey("challenge") && !_traits.NeverChallenges)
        {
            // Not one that anybody checks.
            await SendAsync(channel, "challenge", new byte[64], Announce(channel, announced), "hmac+sha512", "hmac+sha512", "password");
            hello = await HelloAsync(channel);
            Requests.Enqueue(hello.GetString("request") ?? "session");
            ArmSend(channel, CipherCapabilities.Read(OwnForm(hello))!);
        }
        if (_traits.RefusesRequests && hello.GetString("request") is not null)
        {
            await SendAsync(channel, "disconnect", "error", "invalid request, 'info' is not supported by the proxy server");
            return;
        }
        if (_traits.Answer is { } answers && hello.GetString("request") is { } request and not "info")
        {
            if (answers(request, hello.GetStrings($"{request}_request")) is { } packet)
            {
                await SendAsync(channel, packet);
                return;
            }
            hello.Remove("request");
        }
        if (hello.GetString("request") == "command" && !_traits.TakesCommands)
        {
            await SendAsync(channel, "disconnect", "permission error", "commands are disabled");
            return;
        }
        var answer = Info(hello);
        if (hello.GetString("request") is null)
        {
            foreach (var (name, value) in Announce(channel, announced).Concat(_traits.Features))
                answer[(string)name] = value;
        }
        await SendAsync(channel, "hello", answer);
        if (hello.GetString("request") is null)
            await AttendAsync(channel, hello.GetString("uuid") ?? "");
    }

    /// <summary>A session: pings and requests for information.</summary>
    private async Task AttendAsync(PacketChannel channel, string uuid)
    {
        while (await channel.ReceiveAsync(_stopping.Token) is { } packet)
        {
            if (packet.Type != "ping")
                Packets.Enqueue(string.Join(' ', packet.Items.Skip(1).Select(Text).Prepend(packet.Type)));
            switch (packet.Type)
            {
                case "shutdown-server" or "exit-server":
                    await SendAsync(channel, "disconnect", packet.Type == "shutdown-server" ? "server shutdown" : "server exit");
                    return;
                case "screenshot" or "display-request-screenshot" when _traits.SessionScreenshot is { } screenshot:
                    await SendAsync(channel, screenshot);
                    break;
                case "ping":
                    await SendAsync(channel, "ping_echo", packet[1], 0L, 0L, 0L, -1L);
                    break;
                case "info-request":
                    await SendAsync(channel, "info-response", _traits.SessionInfo?.Invoke(uuid) ?? _traits.Info);
                    break;
                case "disconnect":
                    await SendAsync(channel, "disconnect", "client request");
                    return;
            }
        }
    }

    private static string Text(object? item) => item switch
    {
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        object?[] items => $"[{string.Join(' ', items.Select(Text))}]",
        _ => $"{item}",
    };

    private async Task<XpraDictionary> HelloAsync(PacketChannel channel) => (await channel.ReceiveAsync(_stopping.Token))?.Dictionary(1) ?? throw new IOException("There came no hello.");

    /// <summary>The cipher parameters that this generation reads from a client's capabilities.</summary>
    private XpraDictionary OwnForm(XpraDictionary capabilities)
    {
        var own = new XpraDictionary();
        foreach (var (key, value) in capabilities)
        {
            if (key is string name && (_traits.IsNested ? name == "encryption" : name.StartsWith("cipher", StringComparison.Ordinal)))
                own[name] = value;
        }
        return own;
    }

    private string? WhyNot(CipherParameters asked)
    {
        if (_traits.Generation == 3)
            return null;
        if (!_traits.Modes.Contains(asked.Mode))
            return $"unsupported AES mode '{asked.Mode}'";
        if (_traits.Mode is { } mode && mode != asked.Mode)
            return $"the server is configured for AES-{mode} not AES-{asked.Mode} as requested by the client";
        if (asked.Iterations < _traits.MinIterations || asked.Iterations > _traits.MaxIterations)
            return $"invalid number of iterations {asked.Iterations}, range is {_traits.MinIterations} to {_traits.MaxIterations}";
        return null;
    }

    private void ArmSend(PacketChannel channel, CipherCapabilities announced)
    {
        var parameters = announced.Parameters with { PaddingUnit = _traits.PaddingUnit };
        if (!_traits.KnowsStream)
            parameters = parameters with { Stream = true };
        if (_traits.Generation == 3)
            parameters = parameters with { Mode = AesMode.CBC, KeySize = 32, KeyHash = KeyHash.SHA1 };
        if (_traits.Padding is { } padding)
            parameters = parameters with { Padding = padding };
        channel.Writer.Arm(SessionCiphers.CreateEncryptor(_key!, parameters));
    }

    /// <summary>The cipher parameters that the client is to encrypt with, in this generation's form.</summary>
    private XpraDictionary Announce(PacketChannel channel, CipherCapabilities announced)
    {
        var parameters = CipherCapabilities.Generate(announced.Parameters.Mode, 32, KeyHash.SHA1, _traits.KnowsStream ? 10_000 : 1_000, PaddingScheme.Pkcs7, _traits.PaddingUnit, announced.Parameters.Stream);
        channel.Reader.Arm(SessionCiphers.CreateDecryptor(_key!, parameters));
        var both = new XpraDictionary();
        CipherCapabilities.Write(both, parameters, _traits.KnowsStream ? parameters.Stream : null);
        return OwnForm(both);
    }

    private XpraDictionary Info(XpraDictionary hello)
    {
        var info = hello.GetString("request") == "info" ? _traits.Info.Clone() : new XpraDictionary();
        info["version"] = _traits.Version;
        if (hello.GetString("request") == "command")
            info["command_response"] = new object?[] { 0L, string.Join(' ', hello.GetStrings("command_request")) };
        return info;
    }

    private async Task RefuseAsync(PacketChannel channel, string reason)
    {
        if (_traits.Silent)
            await Task.Delay(Timeout.Infinite, _stopping.Token);
        await SendAsync(channel, "disconnect", reason);
    }

    private Task SendAsync(PacketChannel channel, params object?[] packet) => channel.SendAsync(packet, _stopping.Token);

    private async Task SayAsync(RecordingStream stream, string text)
        => await stream.WriteAsync(Encoding.ASCII.GetBytes(_traits.Generation < 6 ? $"disconnect: {text}\n" : $"disconnect {text}\n"), _stopping.Token);
}
