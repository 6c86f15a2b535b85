using XpraAes.Administration;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.PowerShell.Watching;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Watching;

/// <summary>What is read from this process, and from remote servers.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class SourceTests
{
    [Fact]
    public async Task The_sessions_of_this_process_are_shown_with_their_rates()
    {
        await using var rig = Loopback.Start();
        await using var connection = await rig.ConnectAsync(options => options with { UserName = "ada\e[2J", Mode = AesMode.CTR });
        var served = await rig.SingleConnectionAsync();
        var source = new ProcessSource();
        source.Sample(TimeSpan.FromSeconds(1));
        Assert.False(source.HasRates);
        for (var i = 0; i < 20; i++)
            await connection.PingAsync(Loopback.HelloTimeout);
        var snapshot = source.Sample(TimeSpan.FromSeconds(2));
        Assert.True(source.HasRates);

        var row = Assert.Single(snapshot.Sessions, session => session.Id == served.Id);
        Assert.Equal((served.Peer, "AES-CTR", "tcp", "open"), (row.Peer, row.Cipher, row.Transport, row.State));
        Assert.Equal("ada [2J", row.User);
        Assert.True(row.Traffic.InRate > 100, $"{row.Traffic.InRate}");
        Assert.InRange(row.Age!.Value, TimeSpan.Zero, TimeSpan.FromMinutes(5));
        var outbound = Assert.Single(snapshot.Sessions, session => session.Id == connection.Id);
        Assert.NotNull(outbound.Latency);
        var place = Assert.Single(snapshot.Places, place => place.Id == rig.Listener.Id);
        Assert.Equal((rig.Listener.Endpoint, "listening", 1), (place.Name, place.State, place.Sessions!.Value));
        Assert.Contains(snapshot.Facts, fact => fact.StartsWith("memory ", StringComparison.Ordinal));
        Assert.Contains(snapshot.Facts, fact => fact.StartsWith("derivations ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Details_have_all_of_the_cipher_information_of_both_legs()
    {
        await using var target = Loopback.Start();
        await using var gateway = Loopback.Start(options => options with { Target = new TargetOptions { Endpoint = target.Options.Endpoint, Keys = [target.Key], Mode = AesMode.GCM } });
        await using var connection = await gateway.ConnectAsync(options => options with { Mode = AesMode.CTR });
        var served = await gateway.SingleConnectionAsync();
        var row = Assert.Single(new ProcessSource().Sample(TimeSpan.Zero).Sessions, session => session.Id == served.Id);
        Assert.Contains($"127.0.0.1:{target.Listener.Port}", row.Route, StringComparison.Ordinal);

        var sections = row.Details();
        Assert.Equal(["Session", "Leg to the client", "Leg to the target"], sections.Select(section => section.Title));
        foreach (var property in typeof(CipherInfo).GetProperties().Where(property => property.Name != nameof(CipherInfo.Direction)))
            Assert.All(sections.Skip(1), section => Assert.Contains(section.Rows, detail => detail.Name.Split(',')[0] == property.Name));
        Assert.Equal("CTR", sections[1].Rows.Single(detail => detail.Name == "Mode").Value);
        Assert.Equal("GCM", sections[2].Rows.Single(detail => detail.Name == "Mode").Value);
        Assert.NotEqual(sections[1].Rows.Single(detail => detail.Name == "Salt, send").Value, sections[1].Rows.Single(detail => detail.Name == "Salt, receive").Value);
        Assert.DoesNotContain(sections.SelectMany(section => section.Rows), detail => detail.Value.Contains(gateway.Key.ToString(), StringComparison.Ordinal));

        await row.Disconnect!();
        Assert.Contains("server exit", row.Details()[0].Rows.Single(detail => detail.Name == "State").Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refusals_are_counted_by_cause()
    {
        await using var rig = Loopback.Start();
        var source = new ProcessSource();
        source.Sample(TimeSpan.FromSeconds(1));
        using (var stranger = new System.Net.Sockets.TcpClient())
        {
            await stranger.ConnectAsync("127.0.0.1", rig.Listener.Port);
            await stranger.GetStream().WriteAsync("no hello at all\n"u8.ToArray());
            await Loopback.Eventually(() => rig.Listener.Rejected > 0);
        }
        Assert.NotEmpty(source.Sample(TimeSpan.FromSeconds(2)).Refusals!);
        Assert.Empty(source.Sample(TimeSpan.FromSeconds(70)).Refusals!);
    }

    [Fact]
    public async Task A_server_that_stops_answering_says_why_and_the_others_go_on()
    {
        using var stop = new CancellationTokenSource();
        FakeRequests good = new("tcp://good/"), bad = new("tcp://bad/");
        var source = new ServerSource([good, bad], TimeSpan.FromMilliseconds(10), maxParallel: 1, stop.Token);
        await Loopback.Eventually(() => source.HasRates);
        bad.Failure = new XpraAesException(XpraErrorId.ConnectionRefused, "Nobody listens there.\e[2J");
        var asked = bad.Asked;
        await Loopback.Eventually(() => bad.Asked > asked + 1 && good.Asked > 5);
        var snapshot = source.Sample(TimeSpan.FromSeconds(1));
        Assert.Equal(["answers", "no answer"], snapshot.Places.Select(place => place.State));
        Assert.StartsWith("ConnectionRefused: Nobody listens there.", snapshot.Places[1].Note, StringComparison.Ordinal);
        var row = Assert.Single(snapshot.Sessions);
        Assert.Equal(("192.0.2.7:40000", "ada", "AES-CBC", "tcp", "tcp://good/"), (row.Peer, row.User, row.Cipher, row.Transport, row.Route));
        await Loopback.Eventually(() => source.Sample(TimeSpan.FromSeconds(1)).Sessions[0].Traffic.InRate > 0);
        Assert.Null(row.Disconnect);
        Assert.Equal(["Client", "Cipher"], row.Details().Select(section => section.Title));
        await stop.CancelAsync();
        await source.Completion.WaitAsync(Loopback.HelloTimeout);
    }

    private sealed class FakeRequests(string server) : IServerRequests
    {
        private volatile int _asked;

        public volatile XpraAesException? Failure;

        public int Asked => _asked;

        public string Server => server;

        public Task<XpraDictionary> GetInfoAsync(CancellationToken cancellationToken)
        {
            var asked = Interlocked.Increment(ref _asked);
            return Failure is { } failure ? Task.FromException<XpraDictionary>(failure) : Task.FromResult(new XpraDictionary
            {
                ["client"] = new XpraDictionary
                {
                    ["username"] = "ada",
                    ["connection"] = new XpraDictionary
                    {
                        ["type"] = "tcp",
                        ["endpoint"] = new object?[] { "192.0.2.7", 40000L },
                        ["input"] = new XpraDictionary { ["bytecount"] = 1000L * asked, ["packetcount"] = 9L, ["cipher"] = new XpraDictionary { [""] = "AES-CBC" } },
                        ["output"] = new XpraDictionary { ["bytecount"] = 10L * asked },
                    },
                },
            });
        }

        public Task<ControlResult> ControlAsync(IReadOnlyList<string> command, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<StartedApplication> StartAsync(string program, IReadOnlyList<string> command, bool asChild, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<Screenshot?> TakeScreenshotAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ControlResult> DetachAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ControlResult> StopAsync(bool keepApplications, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
