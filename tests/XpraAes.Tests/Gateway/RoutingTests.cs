using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Packets;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>Many sessions behind one listener.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class RoutingTests : IAsyncDisposable
{
    private static readonly Limits s_limits = Limits.Default with { UnprovenConnectionsPerSource = 1000, DelayPerFailure = TimeSpan.Zero, FailuresBeforeBlock = 1000, AuthenticationDelay = TimeSpan.FromMilliseconds(50), CloseGrace = TimeSpan.FromMilliseconds(100) };

    private readonly Dictionary<string, Loopback> _targets = [];
    private readonly List<Loopback> _gateways = [];
    private readonly XpraKey _ada = XpraKey.FromText("the key of ada and nobody else");
    private readonly XpraKey _bob = XpraKey.FromText("the key of bob and nobody else");
    private readonly SecretBuffer _password = SecretBuffer.FromUtf8("the password");

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _gateways.Concat(_targets.Values))
            await listener.DisposeAsync();
        _ada.Dispose();
        _bob.Dispose();
        _password.Dispose();
    }

    [Theory]
    [InlineData("mail", "someone", "mail")]
    [InlineData("dev-1", "someone", "dev")]
    [InlineData("other", "ada", "of ada")]
    [InlineData("other", "someone", "rest")]
    [InlineData(null, "someone", "rest")]
    public async Task A_session_goes_where_its_name_leads(string? session, string user, string expected)
    {
        var gateway = Gateway(("mail", "mail"), ("dev-*", "dev"), ("ada/*", "of ada"), ("*", "rest"));
        await using var connection = await gateway.ConnectAsync(options => options with { SessionName = session, UserName = user });
        await ExpectAtAsync(expected);
        Assert.Equal([expected], RoutesInUse(gateway).Select(route => route.Target[0]).Select(NameOf));
        Assert.Equal(RoutesInUse(gateway).Single().Name, gateway.Listener.Connections[0].Route);
    }

    /// <summary>xpra's clients prove the key only by what follows the first hello: so they are challenged, and the names in the hello that answers are taken.</summary>
    [Theory]
    [InlineData("4.4")]
    [InlineData("5.1")]
    [InlineData("6.1")]
    [InlineData("6.2")]
    [InlineData("HTML5")]
    public async Task A_client_of_xpra_is_challenged_before_its_names_are_read(string generation)
    {
        var gateway = Gateway(("mail", "mail"), ("games", "games"));
        await using var client = await gateway.ConnectFakeAsync();
        var challenge = await HelloAsync(client, Generation.Named(generation), "games", "someone");
        Assert.Equal("challenge", challenge.Type);
        Assert.True(challenge.Header.IsEncrypted);
        Assert.Equal(0, Serving("games") + Serving("mail"));
        await AnswerAsync(client, challenge, Generation.Named(generation), "mail", "someone");
        Assert.Equal("hello", (await client.ReceiveAsync()).Type);
        await ExpectAtAsync("mail");
        Assert.True((await gateway.SingleConnectionAsync()).KeyProven);
        Assert.Equal(0, _targets["games"].Listener.Accepted);
    }

    /// <summary>Nobody without the key can tell a name that has a route from one that has none: by the answer, its size, or a connection to a target.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stranger_learns_no_name(bool withPassword)
    {
        var gateway = Start(options => options with { Password = withPassword ? _password : null, AllowRequests = ["stop", "info"] }, ("mail", "mail"), ("ada/*", "of ada"));
        var sizes = new HashSet<long>();
        foreach (var (session, user, request) in new (string, string, string?)[] { ("mail", "eve", null), ("liam", "eve", null), ("liam", "ada", null), ("liam", "bob", null), ("mail", "eve", "stop"), ("liam", "eve", "stop"), ("mail", "eve", "info"), ("liam", "eve", "info") })
        {
            await using var client = await gateway.ConnectFakeAsync();
            var answer = await HelloAsync(client, Generation.Named("6.2"), session, user, request);
            Assert.Equal("challenge", answer.Type);
            sizes.Add(client.Channel.Reader.Header.PayloadSize);
        }
        Assert.Single(sizes);
        Assert.Equal(0, Serving("mail") + Serving("of ada"));
        Assert.Empty(gateway.Listener.Connections);
    }

    /// <summary>The same words and the same wait, whether the name exists for nobody, for another user or for another key.</summary>
    [Fact]
    public async Task A_client_without_a_route_is_told_one_thing()
    {
        var gateway = Start(options => options with { Key = _ada, OtherKeys = [_bob], Transports = [TransportKind.TlsPsk] },
            ("mail", "mail"), ("bob/games", "games"), ($"key:{_bob.Fingerprint}/*", "of bob"));
        var answers = new HashSet<string>();
        foreach (var (session, user) in new[] { ("nothing", "eve"), ("games", "eve"), ("", "eve"), (new string('x', 4096), "eve"), ("mail\n", "eve"), ("../mail", "eve"), ("*", "eve"), ($"key:{_bob.Fingerprint}/x", "eve"), ("x", $"key:{_bob.Fingerprint}") })
        {
            var started = Environment.TickCount64; // the clock of .NET's timers, which may be a tick behind others
            var failure = await gateway.FailToConnectAsync(options => Sealed(options, _ada) with { SessionName = session, UserName = user });
            Assert.Equal(XpraErrorId.SessionUnknown, failure.Id);
            Assert.True(TimeSpan.FromMilliseconds(Environment.TickCount64 - started) >= s_limits.AuthenticationDelay);
            answers.Add(failure.Message);
        }
        Assert.Contains("permission error: no such session here", Assert.Single(answers), StringComparison.Ordinal);
        Assert.Equal(9, gateway.Listener.Refusals[XpraErrorId.SessionUnknown]);
        Assert.Equal(0, Serving("mail") + Serving("games") + Serving("of bob"));
    }

    [Fact]
    public async Task A_key_leads_to_its_owners_sessions_only_whatever_the_client_says()
    {
        var gateway = Start(options => options with { Key = _ada, OtherKeys = [_bob], Transports = [TransportKind.TlsPsk] },
            ($"key:{_ada.Fingerprint}/*", "of ada"), ($"key:{_bob.Fingerprint}/*", "of bob"));
        await using var ada = await gateway.ConnectAsync(options => Sealed(options, _ada) with { UserName = "bob", SessionName = "anything" });
        await ExpectAtAsync("of ada");
        await using var bob = await gateway.ConnectAsync(options => Sealed(options, _bob) with { UserName = "ada" });
        await ExpectAtAsync("of bob");
        Assert.Equal(1, _targets["of ada"].Listener.Accepted);
    }

    /// <summary>Nothing in these routes depends on what a stranger can say, so clients get their session as from a single target.</summary>
    [Fact]
    public async Task A_bind_leads_to_its_own_target_without_a_challenge()
    {
        await TargetAsync("first");
        await TargetAsync("second");
        var ports = RealXpra.FreePorts(2);
        RouteOptions[] routes = [Route($"bind:127.0.0.1:{ports[0]}/*", "first"), Route($"bind:127.0.0.1:{ports[1]}/*", "second")];
        var options = new ListenerOptions { Key = _ada, Port = ports[0], Routes = routes, Limits = s_limits };
        await using var gateway = AesListener.Start(options, options with { Key = _bob, Port = ports[1] });
        await using var client = await FakePeer.ConnectAsync(ports[1], _bob);
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CBC, hello => hello["display"] = "anything");
        await ExpectAtAsync("second");
        Assert.Equal(0, Serving("first"));

        var failure = Assert.Throws<XpraAesException>(() => AesListener.Start(options with { Port = 0 }));
        Assert.Contains($"{ports[0]}", failure.Message, StringComparison.Ordinal);
        Assert.Throws<XpraAesException>(() => gateway.Reconfigure(old => old with { Routes = [Route("bind:0.0.0.0:1/*", "first")] }));
    }

    /// <summary>Clients of 5.1 to 6.2, and browsers, can name the session only there.</summary>
    [Theory]
    [InlineData("/mail", null, "mail")]
    [InlineData("/mail/index.html?x=y", null, "mail")]
    [InlineData("/index.html", null, "rest")]
    [InlineData("/", null, "rest")]
    [InlineData("/other", "mail", "mail")] // the hello, which is encrypted, comes first
    public async Task The_path_of_a_web_socket_names_the_session(string path, string? session, string expected)
    {
        var gateway = Gateway(("mail", "mail"), ("*", "rest"));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, gateway.Listener.Port, TestContext.Current.CancellationToken);
        var stream = await WebSocketUpgrade.ConnectAsync(new NetworkStream(socket, ownsSocket: true), "127.0.0.1", gateway.Listener.Port, path, TestContext.Current.CancellationToken);
        await using var client = new FakePeer(socket, gateway.Key, stream);
        await AnswerAsync(client, await HelloAsync(client, Generation.Named("5.1"), "", "someone"), Generation.Named("5.1"), session ?? "", "someone");
        Assert.Equal("hello", (await client.ReceiveAsync()).Type);
        await ExpectAtAsync(expected);
    }

    /// <summary>The tag in its salt covers an XpraAes client's hello, and so needs no challenge. It does not cover the path, which a stranger could put before someone's hello to try a name.</summary>
    [Fact]
    public async Task A_path_counts_only_with_a_proof()
    {
        var gateway = Gateway(("mail", "mail"), ("*", "rest"));
        await using var byPath = await gateway.ConnectAsync(options => options with { Endpoint = options.Endpoint with { Transport = TransportKind.WebSocket, Path = "/mail" } });
        await ExpectAtAsync("rest");
        await using var byName = await gateway.ConnectAsync(options => options with { SessionName = "mail", Endpoint = options.Endpoint with { Transport = TransportKind.WebSocket, Path = "/rest" } });
        await ExpectAtAsync("mail");
    }

    /// <summary>A wrong password is refused before a name is looked up, and the answer to the listener's own challenge goes no further.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_password_comes_first(bool isRight)
    {
        await using var server = new TestTarget();
        var gateway = Start(options => options with { Password = _password, Routes = [new RouteOptions { Name = "mail", Targets = [server.Options()] }] });
        await using var client = await gateway.ConnectFakeAsync();
        var challenge = await HelloAsync(client, Generation.Named("6.2"), "mail", "someone");
        await AnswerAsync(client, challenge, Generation.Named("6.2"), "mail", "someone", password: isRight ? "the password" : "another");
        if (isRight)
        {
            var (peer, _, hello) = await server.AcceptHelloAsync();
            await using (peer)
            {
                Assert.DoesNotContain(hello.PeerHello, pair => pair.Key is string name && name.StartsWith("challenge_", StringComparison.Ordinal));
                Assert.Equal("mail", hello.PeerHello.GetString("display"));
            }
            return;
        }
        var refusal = await client.ReceiveAsync("disconnect");
        Assert.Contains("authentication", refusal.Text(1), StringComparison.Ordinal);
        Assert.Equal(0, server.Connects);
    }

    /// <summary>The unchecked answer proves the key and nothing else, and it is not the target's business either.</summary>
    [Fact]
    public async Task The_answer_to_the_unchecked_challenge_goes_no_further_and_the_targets_own_challenge_works()
    {
        await using var server = new TestTarget();
        var gateway = Start(options => options with { Routes = [new RouteOptions { Name = "mail", Targets = [server.Options()] }] });
        await using var client = await gateway.ConnectFakeAsync();
        var generation = Generation.Named("6.2");
        await AnswerAsync(client, await HelloAsync(client, generation, "mail", "someone"), generation, "mail", "someone");
        var (peer, handshake, hello) = await server.AcceptHelloAsync();
        await using (peer)
        {
            Assert.DoesNotContain(hello.PeerHello, pair => pair.Key is string name && name.StartsWith("challenge_", StringComparison.Ordinal));
            var authenticator = new Authenticator(null, _password);
            var answering = handshake.ChallengeAsync(authenticator.CreateChallenge(hello.PeerHello), default);
            // The route holds: another name in the answer, which the target would take, does not reach it.
            await AnswerAsync(client, await client.ReceiveAsync("challenge"), generation, "of ada", "ada", "the password");
            var answer = (await answering).PeerHello;
            Assert.True(authenticator.Verify(answer));
            Assert.Equal((hello.PeerHello.GetString("display"), hello.PeerHello.GetDictionary("session")?.GetString("display"), "someone"), (answer.GetString("display"), answer.GetDictionary("session")?.GetString("display"), answer.GetString("username")));
        }
    }

    /// <summary>Who has answered the challenge has proven the key, and may ask for anything; who has not may ask for nothing, allowed or not.</summary>
    [Fact]
    public async Task A_request_goes_to_the_named_target_after_the_proof()
    {
        await using var server = new TestTarget();
        var gateway = Start(options => options with { AllowRequests = ["stop"], Routes = [new RouteOptions { Name = "mail", Targets = [server.Options()] }] });
        await using var client = await gateway.ConnectFakeAsync();
        var generation = Generation.Named("6.2");
        var challenge = await HelloAsync(client, generation, "mail", "someone", "stop");
        Assert.Equal(("challenge", 0), (challenge.Type, server.Connects));
        await AnswerAsync(client, challenge, generation, "mail", "someone", request: "stop");
        var (peer, _, hello) = await server.AcceptHelloAsync();
        await using (peer)
        {
            Assert.Equal("stop", hello.Request);
            await peer.SendAsync("disconnect", "server shutdown");
            Assert.Equal("server shutdown", (await client.ReceiveAsync("disconnect")).Text(1));
        }
        await using var unknown = await gateway.ConnectFakeAsync();
        await AnswerAsync(unknown, await HelloAsync(unknown, generation, "other", "someone", "stop"), generation, "other", "someone", request: "stop");
        var refusal = await unknown.ReceiveAsync("disconnect");
        Assert.Equal(("permission error", "no such session here"), (refusal.Text(1), refusal.Text(2)));
    }

    [Fact]
    public async Task Routes_change_for_new_sessions_and_open_ones_go_on()
    {
        var gateway = Gateway(("mail", "mail"), ("games", "games"));
        await using var open = await gateway.ConnectAsync(options => options with { SessionName = "games" });
        await ExpectAtAsync("games");
        await TargetAsync("new");
        gateway.Listener.Reconfigure(old => old with { Routes = [Route("mail", "new"), Route("added", "mail")] });
        Assert.Equal(XpraErrorId.SessionUnknown, (await gateway.FailToConnectAsync(options => options with { SessionName = "games" })).Id);
        await using var changed = await gateway.ConnectAsync(options => options with { SessionName = "mail" });
        await ExpectAtAsync("new");
        await using var added = await gateway.ConnectAsync(options => options with { SessionName = "added" });
        await ExpectAtAsync("mail");
        Assert.True(await open.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
        Assert.Equal(["mail 1", "added 1"], gateway.Listener.Routes.Select(route => $"{route.Name} {route.Sessions}"));
        await added.CloseAsync();
        await Loopback.Eventually(() => gateway.Listener.Routes[1].Sessions == 0);
        Assert.Equal("games", gateway.Listener.Connections[0].Route);
    }

    [Fact]
    public async Task A_route_with_several_targets_uses_the_first_that_answers_and_shows_the_others()
    {
        var second = await TargetAsync("second");
        var closed = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", RealXpra.FreePort()) };
        var gateway = Start(options => options with { Routes = [new RouteOptions { Name = "*", Targets = [closed, Options(second)] }] });
        Assert.Empty(gateway.Listener.Routes.Single().Unavailable);
        await using var connection = await gateway.ConnectAsync();
        await ExpectAtAsync("second");
        Assert.Equal([closed.Endpoint.ToString()], gateway.Listener.Routes.Single().Unavailable);
        Assert.Equal($"{closed}, {Options(second)}", gateway.Listener.Target);
        await second.Listener.StopAsync(TimeSpan.Zero);
        var failure = await gateway.FailToConnectAsync();
        Assert.Equal(XpraErrorId.PeerDisconnected, failure.Id);
        Assert.Equal(2, gateway.Listener.Routes.Single().Unavailable.Length);
    }

    /// <summary>A hello that makes the target hang up cannot turn others away from it.</summary>
    [Fact]
    public async Task What_a_client_does_to_its_connection_leaves_the_target_available()
    {
        await using var first = new TestTarget();
        await using var second = new TestTarget();
        var gateway = Start(options => options with { Routes = [new RouteOptions { Name = "*", Targets = [first.Options(), second.Options()] }] });
        var failing = gateway.FailToConnectAsync();
        for (var attempt = 0; attempt < 2; attempt++)
            (await first.AcceptSocketAsync()).Dispose();
        await failing;
        Assert.Empty(gateway.Listener.Routes.Single().Unavailable);
        Assert.Equal(0, second.Connects);
    }

    [Fact]
    public async Task A_target_is_told_the_name_that_its_uri_has()
    {
        await using var server = new TestTarget();
        var gateway = Start(options => options with { Target = server.Options() with { SessionName = "inner", UserName = "root" } });
        var connecting = gateway.ConnectAsync(options => options with { SessionName = "outer" });
        await using var peer = await server.AcceptAsync();
        Assert.Equal(("inner", "inner", "root"), (peer.Hello.GetString("display"), peer.Hello.GetDictionary("session")!.GetString("display"), peer.Hello.GetString("username")));
        _ = connecting.ContinueWith(task => task.Exception, TaskScheduler.Default);
    }

    [Fact]
    public async Task Gateways_chain_by_name()
    {
        var inner = Gateway(("mail", "mail"), ("*", "rest"));
        var outer = Start(options => options with { Routes = [new RouteOptions { Name = "*", Targets = [Options(inner)] }] });
        await using var connection = await outer.ConnectAsync(options => options with { SessionName = "mail" });
        await ExpectAtAsync("mail");
    }

    [Fact]
    public void What_cannot_be_is_refused_at_the_start()
    {
        var target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 1), Keys = [_bob] };
        RouteOptions[] routes = [new RouteOptions { Name = "*", Targets = [target] }];
        Assert.Contains("both given", Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = _ada, Target = target, Routes = routes })).Message, StringComparison.Ordinal);
        Assert.Contains("Without a key", Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = null, Routes = routes })).Message, StringComparison.Ordinal);
        Assert.Contains("two routes", Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = _ada, Routes = [.. routes, .. routes] })).Message, StringComparison.Ordinal);
    }

    private Loopback Gateway(params (string Route, string Target)[] routes) => Start(options => options, routes);

    private Loopback Start(Func<ListenerOptions, ListenerOptions> configure, params (string Route, string Target)[] routes)
    {
        foreach (var (_, target) in routes)
            TargetAsync(target).GetAwaiter().GetResult();
        var gateway = Loopback.Start(options => configure(options with { Routes = [.. routes.Select(route => Route(route.Route, route.Target))], Limits = s_limits }));
        _gateways.Add(gateway);
        return gateway;
    }

    /// <summary>A target by this name: the kind of server does not matter, so it is a listener.</summary>
    private Task<Loopback> TargetAsync(string name)
    {
        if (!_targets.TryGetValue(name, out var target))
            target = _targets[name] = Loopback.Start(options => options with { Limits = s_limits });
        return Task.FromResult(target);
    }

    private RouteOptions Route(string name, string target) => new() { Name = name, Targets = [Options(_targets[target])] };

    private static TargetOptions Options(Loopback target) => new() { Endpoint = target.Options.Endpoint, Keys = [target.Key] };

    private static ConnectOptions Sealed(ConnectOptions options, XpraKey key) => options with { Key = key, Endpoint = options.Endpoint with { Transport = TransportKind.TlsPsk } };

    private long Serving(string name) => _targets[name].Listener.Accepted + _targets[name].Listener.Rejected + _targets[name].Listener.Serving;

    private string NameOf(string uri) => _targets.Single(target => target.Value.Options.Endpoint.ToString() == uri).Key;

    private static IEnumerable<ListenerRoute> RoutesInUse(Loopback gateway) => gateway.Listener.Routes.Where(route => route.Sessions > 0);

    private Task ExpectAtAsync(string name) => Loopback.Eventually(() => _targets[name].Listener.Connections.Count == 1, TestPeer.HelloTimeout);

    private static async Task<Packet> HelloAsync(FakePeer client, Generation generation, string session, string user, string? request = null)
    {
        client.Channel.Encoding = generation.Encoding;
        var (hello, announced) = generation.Announce(AesMode.CBC);
        Name(hello, session, user, request);
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
        return await client.ReceiveAsync();
    }

    private static async Task AnswerAsync(FakePeer client, Packet challenge, Generation generation, string session, string user, string password = "anything", string? request = null)
    {
        var salt = RandomNumberGenerator.GetBytes(32);
        client.SendUnder(generation.Read(challenge.Dictionary(2)!));
        var (hello, announced) = generation.Announce(AesMode.CBC);
        Name(hello, session, user, request);
        using var secret = SecretBuffer.FromUtf8(password);
        hello["challenge_client_salt"] = salt;
        hello["challenge_response"] = Challenge.Respond(secret.Span, challenge.Bytes(1), salt, challenge.Text(3), challenge.Text(4));
        await client.SendAsync("hello", hello);
        client.ReceiveUnder(announced);
    }

    private static void Name(XpraDictionary hello, string session, string user, string? request)
    {
        hello["display"] = session;
        hello["username"] = user;
        if (request is not null)
            hello["request"] = request;
    }
}
