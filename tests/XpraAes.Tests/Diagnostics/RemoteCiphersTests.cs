using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Listening;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Reading the clients' ciphers from a server's information, in the form of every generation.</summary>
public sealed class RemoteCiphersTests : ProbeTests
{
    private const string Server = "tcp://server:10000/";

    [Fact]
    public void A_single_client_is_not_numbered()
    {
        var rows = RemoteCiphers.Read(new XpraDictionary { ["client"] = Client("AES-CBC", "PKCS#7", "legacy") }, Server);
        Assert.Equal([CipherDirection.Send, CipherDirection.Receive], rows.Select(row => row.Direction));
        Assert.Equal(["legacy", "PKCS#7"], rows.Select(row => row.Padding));
        Assert.All(rows, row => Assert.Equal(
            (0, Server, "AES", AesMode.CBC, "192.0.2.7:40000", "4.4.6", true, false), (row.Connection, row.Endpoint, row.Cipher, row.Mode, row.Peer, row.PeerVersion, row.KeyProven, row.Authenticated)));
        Assert.All(rows, row => Assert.Null(row.KeySize ?? (object?)row.Salt ?? row.IV ?? (object?)row.Iterations ?? row.KeyFingerprint));
        Assert.Equal("AES-CBC Send", rows[0].ToString());
    }

    [Fact]
    public void Several_clients_are_numbered()
    {
        var clients = new XpraDictionary();
        clients.Set(0L, Client("AES-CTR", "", ""));
        clients.Set(1L, Client(null, "", ""));
        clients["something else"] = new XpraDictionary { ["connection"] = new XpraDictionary() };
        var rows = RemoteCiphers.Read(new XpraDictionary { ["client"] = clients }, Server);
        Assert.Equal([0, 0, 1, 1], rows.Select(row => row.Connection));
        Assert.Equal(["AES", "AES", "none", "none"], rows.Select(row => row.Cipher));
        Assert.Equal([AesMode.CTR, AesMode.CTR, null, null], rows.Select(row => row.Mode));
        Assert.Equal(["none", "none", null, null], rows.Select(row => row.Padding));
        Assert.Equal([true, true, false, false], rows.Select(row => row.KeyProven));
    }

    [Theory]
    [InlineData("client.", 0)]
    [InlineData("client.3.", 3)]
    public void Dotted_keys_of_3_1_are_read_like_dictionaries(string start, int number)
    {
        var info = new XpraDictionary
        {
            ["clients"] = 1L,
            [start + "version"] = "3.1.3"u8.ToArray(),
            [start + "connection.endpoint"] = new object?[] { "::1"u8.ToArray(), 40000L },
            [start + "connection.input.packetcount"] = 20L,
            [start + "connection.input.cipher"] = "AES"u8.ToArray(),
            [start + "connection.input.cipher.padding"] = "PKCS#7"u8.ToArray(),
            [start + "connection.output.cipher.padding"] = "legacy"u8.ToArray(),
            [start + "connection.output.cipher"] = "AES"u8.ToArray(),
        };
        var rows = RemoteCiphers.Read(info, Server);
        Assert.Equal(["legacy", "PKCS#7"], rows.Select(row => row.Padding));
        Assert.All(rows, row => Assert.Equal((number, "AES", AesMode.CBC, "[::1]:40000", "3.1.3", true), (row.Connection, row.Cipher, row.Mode, row.Peer, row.PeerVersion, row.KeyProven)));
    }

    [Fact]
    public void No_attached_client_gives_no_row()
    {
        Assert.Empty(RemoteCiphers.Read(new XpraDictionary(), Server));
        Assert.Empty(RemoteCiphers.Read(new XpraDictionary { ["client"] = new XpraDictionary(), ["clients"] = new XpraDictionary { [""] = 0L } }, Server));
    }

    [Fact]
    public void A_client_that_has_sent_only_its_hello_has_not_proven_the_key()
    {
        var client = Client("AES-GCM", "", "");
        client.GetDictionary("connection")!.GetDictionary("input")!["packetcount"] = 1L;
        Assert.All(RemoteCiphers.Read(new XpraDictionary { ["client"] = client }, Server), row => Assert.False(row.KeyProven));
    }

    [Fact]
    public void What_a_server_says_is_shown_without_control_characters()
    {
        var client = Client("AES-CBC", "PKCS#7", "PKCS#7");
        client["version"] = "6.2\e[31m";
        client.GetDictionary("connection")!["endpoint"] = "a\nb";
        Assert.All(RemoteCiphers.Read(new XpraDictionary { ["client"] = client }, Server), row => Assert.DoesNotContain(row.Peer + row.PeerVersion, char.IsControl));
    }

    [Theory]
    [InlineData("3.1.3")]
    [InlineData("6.2.5")]
    public async Task It_is_asked_for_without_a_session(string version)
    {
        await using var server = Serve(Named(version) with { Info = new XpraDictionary { ["client"] = Client("AES-CBC", "PKCS#7", "PKCS#7") } });
        Assert.Equal(2, (await RemoteCiphers.GetAsync(Options(server.Endpoint.Port), default)).Count);
        Assert.Equal(0, server.Sessions);
    }

    [Fact]
    public async Task If_requests_are_refused_it_is_asked_for_in_a_session_which_is_not_listed()
    {
        await using var server = Serve(ServerTraits.V62 with
        {
            RefusesRequests = true,
            SessionInfo = uuid => new XpraDictionary { ["client"] = Two(Client("AES-CBC", "PKCS#7", "PKCS#7"), Client("AES-CTR", "", "", uuid)) },
        });
        var rows = await RemoteCiphers.GetAsync(Options(server.Endpoint.Port), default);
        Assert.Equal([AesMode.CBC, AesMode.CBC], rows.Select(row => row.Mode));
        Assert.Equal(1, server.Sessions);
        Assert.False(server.WasClaimed);
    }

    [Fact]
    public async Task A_wrong_key_is_an_error()
    {
        await using var server = Serve("6.2.5");
        using var wrong = XpraKey.FromText("another key");
        var failure = await Assert.ThrowsAsync<XpraAesException>(() => RemoteCiphers.GetAsync(Options(server.Endpoint.Port) with { Key = wrong }, default));
        Assert.Equal((XpraErrorId.KeyMismatch, server.Endpoint.ToString()), (failure.Id, failure.Target));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task An_XpraAes_listener_reports_it_like_a_real_server(int sessions)
    {
        await using var listener = AesListener.Start(new ListenerOptions { Key = Key, Modes = Enum.GetValues<AesMode>() });
        var options = Options(listener.Port);
        var connections = new List<XpraConnection>();
        for (var i = 0; i < sessions; i++)
            connections.Add(await XpraConnector.ConnectAsync(options with { Mode = AesMode.CFB }));
        var rows = await RemoteCiphers.GetAsync(options, default);
        Assert.Equal(2 * sessions, rows.Count);
        Assert.All(rows, row => Assert.Equal(("AES", AesMode.CFB, true), (row.Cipher, row.Mode, row.KeyProven)));
        Assert.Equal(sessions, rows.Select(row => row.Peer).Distinct().Count());
        foreach (var connection in connections)
            await connection.CloseAsync();
    }

    private static XpraDictionary Two(XpraDictionary one, XpraDictionary other)
    {
        var clients = new XpraDictionary();
        clients.Set(0L, one);
        clients.Set(1L, other);
        return clients;
    }

    private static XpraDictionary Client(string? cipher, string inputPadding, string outputPadding, string uuid = "someone") => new()
    {
        ["version"] = "4.4.6",
        ["uuid"] = uuid,
        ["connection"] = new XpraDictionary
        {
            ["endpoint"] = new object?[] { "192.0.2.7", 40000L },
            ["input"] = Direction(cipher, inputPadding),
            ["output"] = Direction(cipher, outputPadding),
        },
    };

    private static XpraDictionary Direction(string? cipher, string padding)
    {
        var direction = new XpraDictionary { ["packetcount"] = 20L };
        if (cipher is not null)
            direction["cipher"] = new XpraDictionary { [""] = cipher, ["padding"] = padding };
        return direction;
    }
}
