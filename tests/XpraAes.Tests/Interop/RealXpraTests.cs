using System.Diagnostics;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Tests.Listening;
using Xunit;

namespace XpraAes.Tests.Interop;

/// <summary>The connector against a real server, and the listener against real clients. 3.1.3 has only AES-CBC.</summary>
[Trait("Category", "Interop")]
[Collection(LoopbackCollection.Name)]
public sealed class RealXpraTests(RealXpra xpra) : IClassFixture<RealXpra>
{
    [Fact]
    public async Task Its_server_accepts_us()
    {
        xpra.Require();
        await using var connection = await XpraConnector.ConnectAsync(xpra.ServerOptions);
        Assert.Equal((RealXpra.Version, ConnectionState.Open, true), (connection.PeerVersion, connection.State, connection.KeyProven));
        for (var i = 0; i < 5; i++)
            Assert.True(await connection.PingAsync(Loopback.HelloTimeout) > TimeSpan.Zero);
        Assert.All(connection.GetCipherInfo(), row => Assert.Equal(
            ("AES", AesMode.CBC, 256, "PKCS#7", 32, KeyHash.SHA1, true), (row.Cipher, row.Mode, row.KeySize, row.Padding, row.BlockSize, row.KeyHash, row.Stream)));

        // What the server itself reports about the two directions of this connection.
        var info = await connection.RequestInfoAsync(Loopback.HelloTimeout, default);
        var ends = info.GetDictionary("client")?.GetDictionary("connection");
        Assert.Equal("AES", ends?.GetDictionary("input")?.GetDictionary("cipher")?.GetString(""));
        Assert.Equal("AES", ends?.GetDictionary("output")?.GetDictionary("cipher")?.GetString(""));

        await connection.CloseAsync();
        Assert.Equal((ConnectionState.Closed, "client request"), (connection.State, connection.CloseReason));
    }

    [Fact]
    public async Task Its_server_and_us_with_another_key()
    {
        xpra.Require();
        using var other = XpraKey.Generate();
        var start = Stopwatch.GetTimestamp();
        var refused = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(xpra.ServerOptions with { Key = other }));
        Assert.Equal(XpraErrorId.KeyMismatch, refused.Id);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Its_server_and_us_in_a_mode_that_it_lacks()
    {
        xpra.Require();
        var refused = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(xpra.ServerOptions with { Mode = AesMode.CTR }));
        Assert.Equal(XpraErrorId.KeyMismatch, refused.Id);
        Assert.Contains("uses CBC whatever mode is asked for", refused.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_server_with_encrypted_first_packets()
    {
        xpra.Require();
        var (server, port) = await xpra.StartServerAsync(encryptFirstPacket: true);
        await using (server)
        {
            await using var connection = await XpraConnector.ConnectAsync(xpra.OptionsFor(port) with { EncryptFirstPacket = true });
            Assert.Equal(RealXpra.Version, connection.PeerVersion);
            await connection.PingAsync(Loopback.HelloTimeout);
            await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(xpra.OptionsFor(port)));
        }
    }

    [Fact]
    public async Task Its_info_shows_the_ciphers_of_attached_clients()
    {
        xpra.Require();
        await using var listener = Listen();
        await using var attached = await XpraConnector.ConnectAsync(xpra.OptionsFor(listener.Port) with { Mode = AesMode.GCM });
        await using var client = xpra.StartClient("info", listener.Port);
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains("client.connection.input.cipher=AES", client.Output, StringComparison.Ordinal);
        Assert.Contains("client.connection.output.cipher=AES", client.Output, StringComparison.Ordinal);
        Assert.Contains("client.connection.input.cipher.mode=GCM", client.Output, StringComparison.Ordinal);
        Assert.Contains("session-name=XpraAes", client.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("version", ProtocolDefaults.AnnouncedVersion)]
    [InlineData("id", "session-name=XpraAes")]
    public async Task Its_questions_are_answered(string command, string answer)
    {
        xpra.Require();
        await using var listener = Listen();
        await using var client = xpra.StartClient(command, listener.Port);
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains(answer, client.Output, StringComparison.Ordinal);
        Assert.Equal(1, listener.Accepted);
    }

    [Fact]
    public async Task Its_monitor_stays_although_it_never_proves_the_key()
    {
        xpra.Require();
        await using var listener = Listen(options => options with { Limits = new Limits { PingInterval = TimeSpan.FromMilliseconds(100), IdleTimeout = TimeSpan.FromSeconds(1) } });
        await using var client = xpra.StartClient("_monitor", listener.Port);
        await Loopback.Eventually(() => listener.Connections.Count == 1 || client.HasExited);
        var session = Assert.Single(listener.Connections);
        await Task.Delay(TimeSpan.FromSeconds(2));
        Assert.False(client.HasExited, client.Output);
        Assert.Equal((ConnectionState.Open, RealXpra.Version, false), (session.State, session.PeerVersion, session.KeyProven));
        Assert.Same(session, Assert.Single(listener.Connections));

        await listener.StopAsync(Loopback.HelloTimeout);
        await client.WaitForExitAsync();
        Assert.Contains("server exit", client.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_graphical_client_prints_our_polite_reason()
    {
        xpra.Require();
        await using var listener = Listen();
        await using var client = xpra.StartClient("attach", listener.Port);
        Assert.NotEqual(0, await client.WaitForExitAsync());
        Assert.Contains("this listener has no display", client.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_client_ends_if_its_mode_is_not_accepted()
    {
        xpra.Require();
        await using var listener = Listen(options => options with { Modes = [AesMode.CTR] });
        await using var client = xpra.StartClient("info", listener.Port);
        Assert.NotEqual(0, await client.WaitForExitAsync());
        await Loopback.Eventually(() => listener.Refusals.GetValueOrDefault(XpraErrorId.ModeRejected) == 1);
    }

    [Fact]
    public async Task Its_client_with_another_key_says_so_and_ends()
    {
        xpra.Require();
        await using var listener = Listen();
        using var other = XpraKey.Generate();
        await using var client = xpra.StartClient("info", listener.Port, other);
        Assert.NotEqual(0, await client.WaitForExitAsync());
        Assert.Contains("wrong key?", client.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_client_with_encrypted_first_packets()
    {
        xpra.Require();
        await using var listener = Listen(options => options with { EncryptFirstPacket = true });
        await using var client = xpra.StartClient("info", listener.Port, encryptFirstPacket: true);
        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Contains("session-name=XpraAes", client.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_client_with_a_password_passes_by_the_right_one_only()
    {
        xpra.Require();
        using var password = SecretBuffer.FromUtf8("the password");
        await using var listener = Listen(options => options with { Password = password });
        await using var right = xpra.StartClient("info", listener.Port, more: [$"--password-file={xpra.WriteFile("right", "the password")}"]);
        Assert.Equal(0, await right.WaitForExitAsync());
        await using var wrong = xpra.StartClient("info", listener.Port, more: [$"--password-file={xpra.WriteFile("wrong", "a password")}"]);
        Assert.NotEqual(0, await wrong.WaitForExitAsync());
        Assert.Contains("authentication failed", wrong.Output, StringComparison.Ordinal);
    }

    private AesListener Listen(Func<ListenerOptions, ListenerOptions>? configure = null)
    {
        var options = new ListenerOptions { Key = xpra.Key, Modes = Enum.GetValues<AesMode>() };
        return AesListener.Start(configure?.Invoke(options) ?? options);
    }
}
