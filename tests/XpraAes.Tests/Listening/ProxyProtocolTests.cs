using System.Net;
using System.Net.Sockets;
using System.Text;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Logging;
using XpraAes.Transports;

namespace XpraAes.Tests.Listening;

/// <summary>Clients behind a proxy that sends PROXY headers: whose address counts, and who may say so. 127.1.0.1 is the proxy, 127.2.0.0/16 are strangers.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class ProxyProtocolTests
{
    private const string Client = "203.0.113.9";

    private static readonly IPAddress s_proxy = IPAddress.Parse("127.1.0.1"), s_stranger = IPAddress.Parse("127.2.0.1");

    [Theory]
    [InlineData(TransportKind.Tcp, false)]
    [InlineData(TransportKind.Tcp, true)]
    [InlineData(TransportKind.WebSocket, false)]
    [InlineData(TransportKind.TlsPsk, true)]
    public async Task The_clients_address_is_everywhere(TransportKind transport, bool isText)
    {
        var log = new ListLogger();
        await using var loopback = Start(ProxyProtocol.Required, options => options with { Logger = log });
        var events = new List<string>();
        loopback.Listener.ConnectionOpened += (_, e) => events.Add(e.Peer);
        await using var relay = new Relay(loopback.Listener.Port, isText ? Encoding.ASCII.GetBytes($"PROXY TCP4 {Client} 192.0.2.1 4711 443\r\n") : Header());
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint with { Transport = transport } });
        var server = await loopback.SingleConnectionAsync();
        Assert.Equal($"{Client}:4711", server.Peer);
        Assert.All(server.GetCipherInfo(), row => Assert.Equal($"{Client}:4711", row.Peer));
        await Loopback.Eventually(() => events.Count == 1);
        Assert.Equal([$"{Client}:4711"], events);
        Assert.Contains(log.Events, e => e.Id == 113 && e.Text.StartsWith($"{Client}:4711: session open", StringComparison.Ordinal));
        Assert.DoesNotContain("127.1.0.1", log.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Through_a_Unix_socket_too()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("No Unix sockets there.");
        using var folder = new TempFolder();
        var path = folder["s"];
        await using var loopback = Loopback.Start(options => options with { SocketPath = path, ProxyProtocol = ProxyProtocol.Required });
        await using var relay = new Relay(new UnixDomainSocketEndPoint(path), Header());
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint });
        Assert.Equal($"{Client}:4711", (await loopback.SingleConnectionAsync()).Peer);
    }

    /// <summary>A socket is its owner's alone, who may ask the target for anything; one that a proxy connects strangers to is not.</summary>
    [Fact]
    public void A_socket_behind_a_proxy_is_not_its_owners_alone()
    {
        using var key = XpraKey.Generate();
        var options = new ListenerOptions { Key = key, SocketPath = "/x", Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Unix, "", 0, "/y") } };
        string? Refusal(ListenerOptions options) => RequestPolicy.Refuse("exit", keyProven: false, isFromKeyHolder: false, options.Gateway(null!, challenges: false));
        Assert.Null(Refusal(options));
        Assert.Equal(RequestPolicy.NotForwarded, Refusal(options with { ProxyProtocol = ProxyProtocol.Required }));
    }

    [Fact]
    public void Without_a_key_there_is_no_proxy_and_none_connects_to_a_pipe()
    {
        using var key = XpraKey.Generate();
        var local = new ListenerOptions { Key = null, TrustedSources = [IPNetwork.Parse("127.0.0.0/8")], ProxyProtocol = ProxyProtocol.Required, Target = new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 1), Keys = [key] } };
        foreach (var options in new[] { local, local with { SocketPath = "/nowhere/s" }, local with { Key = key, PipeName = "p" } })
            Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => AesListener.Start(options)).Id);
    }

    /// <summary>An address that is announced is not the proxy's: failures from there block it, and it alone, even where it is itself trusted to send headers.</summary>
    [Theory]
    [InlineData(Client)]
    [InlineData("127.1.0.1")]
    [InlineData("255.255.255.255")]
    public async Task Failures_block_the_client_and_not_the_proxy(string source)
    {
        await using var loopback = Start(ProxyProtocol.Required, options => options with { Limits = Limits.Default with { DelayPerFailure = TimeSpan.Zero } });
        for (var i = 0; i < Limits.Default.FailuresBeforeBlock; i++)
            await RefusedAsync(loopback, s_proxy, [.. Header(source), .. "RFB 003.008\n"u8], XpraErrorId.PeerIsRfb, i + 1);
        await RefusedAsync(loopback, s_proxy, [.. Header(source), .. "RFB 003.008\n"u8], XpraErrorId.LimitReached, 1);
        await using var relay = new Relay(loopback.Listener.Port, Header("203.0.113.10"));
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint });
        Assert.Equal("203.0.113.10:4711", (await loopback.SingleConnectionAsync()).Peer);
    }

    [Fact]
    public async Task Many_strangers_behind_the_proxy_take_only_their_own_places()
    {
        await using var loopback = Start(ProxyProtocol.Required);
        using var silent = new Sockets();
        for (var i = 0; i < Limits.Default.UnprovenConnectionsPerSource; i++)
            await silent.SendAsync(loopback, s_proxy, Header());
        await RefusedAsync(loopback, s_proxy, Header(), XpraErrorId.LimitReached, 1);
        await using var relay = new Relay(loopback.Listener.Port, Header("203.0.113.10"));
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint });
        Assert.Equal(1, loopback.Listener.Accepted);
    }

    [Theory]
    [InlineData(ProxyProtocol.Off, true, XpraErrorId.ProxyHeaderRefused)]
    [InlineData(ProxyProtocol.Off, false, XpraErrorId.ProxyHeaderRefused)]
    [InlineData(ProxyProtocol.Optional, false, XpraErrorId.ProxyHeaderRefused)]
    [InlineData(ProxyProtocol.Required, false, XpraErrorId.ProxyHeaderRefused)]
    public async Task Who_may_not_send_a_header_is_refused(ProxyProtocol protocol, bool fromProxy, XpraErrorId id)
    {
        var log = new ListLogger();
        await using var loopback = Start(protocol, options => options with { Logger = log });
        await RefusedAsync(loopback, fromProxy ? s_proxy : s_stranger, Header(), id, 1);
        await RefusedAsync(loopback, fromProxy ? s_proxy : s_stranger, Encoding.ASCII.GetBytes($"PROXY TCP4 {Client} 192.0.2.1 4711 443\r\n"), id, 2);
        Assert.DoesNotContain(Client, log.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Required_lets_nobody_come_around_the_proxy()
    {
        await using var loopback = Start(ProxyProtocol.Required);
        Assert.False(await loopback.AcceptsAsync(s_stranger));
        Assert.Equal(1, loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.ProxyHeaderRefused));
        Assert.False(await loopback.AcceptsAsync(s_proxy));
        Assert.Equal(1, loopback.Listener.Refusals.GetValueOrDefault(XpraErrorId.ProxyHeaderInvalid));
    }

    [Fact]
    public async Task Optional_takes_both_and_a_stranger_directly()
    {
        await using var loopback = Start(ProxyProtocol.Optional);
        Assert.True(await loopback.AcceptsAsync(s_stranger));
        Assert.True(await loopback.AcceptsAsync(s_proxy));
        await using var relay = new Relay(loopback.Listener.Port, Header());
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint });
        Assert.Equal($"{Client}:4711", (await loopback.SingleConnectionAsync()).Peer);
    }

    /// <summary>The price of Optional, which its documentation names: who is passed on without a header can have any address. With Required the relay's mistake shows at once.</summary>
    [Fact]
    public async Task Behind_a_trusted_source_that_adds_no_header_a_stranger_can_forge_one()
    {
        foreach (var protocol in new[] { ProxyProtocol.Optional, ProxyProtocol.Required })
        {
            await using var loopback = Start(protocol);
            // What the stranger sends first is all that the relay passes on.
            await using var relay = new Relay(loopback.Listener.Port, []);
            await using var forged = new Relay(((IPEndPoint)relay.LocalEndPoint).Port, Header("198.51.100.1"), IPAddress.Loopback);
            await using var client = await loopback.ConnectAsync(options => options with { Endpoint = forged.Endpoint });
            Assert.Equal("198.51.100.1:4711", (await loopback.SingleConnectionAsync()).Peer);
            // An honest client of that relay has no header, which only Required notices.
            var honest = await Record.ExceptionAsync(async () => await (await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint })).CloseAsync());
            Assert.Equal(protocol == ProxyProtocol.Required, honest is not null);
        }
    }

    /// <summary>A proxy that adds its header makes a forged one the client's first bytes, which are none of xpra.</summary>
    [Fact]
    public async Task A_second_header_is_refused()
    {
        await using var loopback = Start(ProxyProtocol.Required);
        await RefusedAsync(loopback, s_proxy, [.. Header(), .. Header("198.51.100.1")], XpraErrorId.ProxyHeaderRefused, 1);
    }

    [Fact]
    public async Task Byte_by_byte_it_is_the_same_and_nobody_waits_for_it()
    {
        await using var loopback = Start(ProxyProtocol.Required);
        using var slow = new Sockets();
        await slow.SendAsync(loopback, s_proxy, Header()[..20]);
        await using var relay = new Relay(loopback.Listener.Port, Header(), bySingleBytes: true);
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint });
        Assert.Equal($"{Client}:4711", (await loopback.SingleConnectionAsync()).Peer);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PROXY TCP4 ")]
    public async Task A_slow_header_has_a_deadline(string start)
    {
        await using var loopback = Start(ProxyProtocol.Required, options => options with { Limits = Limits.Default with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) } });
        await RefusedAsync(loopback, s_proxy, Encoding.ASCII.GetBytes(start), XpraErrorId.ProxyHeaderInvalid, 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PROXY UNKNOWN\r\n")]
    [InlineData("PROXY TCP4 127.1.0.1 127.0.0.1 5 6\r\n")]
    public async Task Health_checks_are_neither_refusals_nor_logged(string header)
    {
        var log = new ListLogger();
        await using var loopback = Start(ProxyProtocol.Required, options => options with { Logger = log });
        foreach (var reset in new[] { false, true })
        {
            using var check = await ConnectAsync(loopback, s_proxy);
            await check.SendAsync(Encoding.ASCII.GetBytes(header));
            if (reset)
                check.LingerState = new LingerOption(true, 0);
        }
        Assert.True(await ProxiedAsync(loopback));
        await Loopback.Eventually(() => loopback.Listener.Serving <= 1);
        Assert.Equal(0, loopback.Listener.Rejected);
        Assert.DoesNotContain(log.Events, e => e.Id is 111 or 124);
    }

    /// <summary>Plain HTTP is for browsers on this machine; a proxy's client is on another, whatever the proxy's own address is.</summary>
    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", true)]
    [InlineData("127.0.0.1", Client, false)]
    public async Task Pages_in_the_clear_are_for_this_machine_only(string proxy, string source, bool gets)
    {
        using var folder = new TempFolder();
        folder.Write("index.html", "<html>a page</html>"u8, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await using var loopback = Start(ProxyProtocol.Required, options => options with { WebRoot = folder.Root, TrustedSources = [new IPNetwork(IPAddress.Loopback, 32)] });
        using var socket = await ConnectAsync(loopback, IPAddress.Parse(proxy));
        await socket.SendAsync((byte[])[.. Header(source), .. Encoding.ASCII.GetBytes($"GET /index.html HTTP/1.1\r\nHost: localhost:{loopback.Listener.Port}\r\nConnection: close\r\n\r\n")]);
        using var reader = new StreamReader(new NetworkStream(socket));
        var answer = await reader.ReadToEndAsync().WaitAsync(Loopback.HelloTimeout);
        Assert.Equal(gets, answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal));
    }

    [Fact]
    public void Somebody_must_be_trusted()
    {
        using var key = XpraKey.Generate();
        var failure = Assert.Throws<XpraAesException>(() => AesListener.Start(new ListenerOptions { Key = key, ProxyProtocol = ProxyProtocol.Required }));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
        Assert.Contains("-TrustedSource", failure.RecommendedAction, StringComparison.Ordinal);
    }

    private static Loopback Start(ProxyProtocol protocol, Func<ListenerOptions, ListenerOptions>? configure = null) => Loopback.Start(options =>
    {
        options = options with { ProxyProtocol = protocol, TrustedSources = [new IPNetwork(s_proxy, 32)] };
        return configure?.Invoke(options) ?? options;
    });

    private static byte[] Header(string source = Client) => new ProxyHeader(new IPEndPoint(IPAddress.Parse(source), 4711), IPEndPoint.Parse("192.0.2.1:443")).ToBytes();

    private static async Task<Socket> ConnectAsync(Loopback loopback, IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(IPAddress.Loopback, loopback.Listener.Port);
        return socket;
    }

    private static async Task<bool> ProxiedAsync(Loopback loopback)
    {
        await using var relay = new Relay(loopback.Listener.Port, Header());
        await using var client = await loopback.ConnectAsync(options => options with { Endpoint = relay.Endpoint });
        return client.State == ConnectionState.Open;
    }

    private static async Task RefusedAsync(Loopback loopback, IPAddress from, byte[] bytes, XpraErrorId id, long count)
    {
        using var socket = await ConnectAsync(loopback, from);
        await socket.SendAsync(bytes);
        await Loopback.Eventually(() => loopback.Listener.Refusals.GetValueOrDefault(id) == count, state: () => string.Join(", ", loopback.Listener.Refusals));
    }

    private sealed class Sockets : List<Socket>, IDisposable
    {
        public async Task SendAsync(Loopback loopback, IPAddress from, byte[] bytes)
        {
            Add(await ConnectAsync(loopback, from));
            await this[^1].SendAsync(bytes);
        }

        public void Dispose() => ForEach(socket => socket.Dispose());
    }

    /// <summary>A proxy: passes on what it gets, behind the header.</summary>
    private sealed class Relay : IAsyncDisposable
    {
        private readonly Socket _listening = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly CancellationTokenSource _stopping = new();
        private readonly Task _serving;

        public Relay(int port, byte[] header, IPAddress? from = null, bool bySingleBytes = false)
            : this(new IPEndPoint(IPAddress.Loopback, port), header, from, bySingleBytes)
        {
        }

        public Relay(EndPoint target, byte[] header, IPAddress? from = null, bool bySingleBytes = false)
        {
            _listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listening.Listen();
            _serving = Task.Run(async () =>
            {
                while (true)
                {
                    var client = await _listening.AcceptAsync(_stopping.Token);
                    _ = Task.Run(async () =>
                    {
                        using var near = new NetworkStream(client, ownsSocket: true);
                        var socket = target is IPEndPoint ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true } : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                        if (target is IPEndPoint)
                            socket.Bind(new IPEndPoint(from ?? s_proxy, 0));
                        await socket.ConnectAsync(target);
                        using var far = new NetworkStream(socket, ownsSocket: true);
                        foreach (var part in bySingleBytes ? header.Chunk(1) : [header])
                        {
                            await far.WriteAsync(part);
                            if (bySingleBytes)
                                await Task.Delay(1);
                        }
                        await Task.WhenAny(near.CopyToAsync(far, _stopping.Token), far.CopyToAsync(near, _stopping.Token));
                    });
                }
            });
        }

        public EndPoint LocalEndPoint => _listening.LocalEndPoint!;

        public XpraEndpoint Endpoint => new(TransportKind.Tcp, "127.0.0.1", ((IPEndPoint)LocalEndPoint).Port);

        public async ValueTask DisposeAsync()
        {
            await _stopping.CancelAsync();
            await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _listening.Dispose();
        }
    }
}
