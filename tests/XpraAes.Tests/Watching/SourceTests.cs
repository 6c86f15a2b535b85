using XpraAes.Administration;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Management;
using XpraAes.PowerShell.Watching;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Tests.Management;

namespace XpraAes.Tests.Watching;

/// <summary>What is read from this process, and from remote servers.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class SourceTests
{
    private const int NarrowestTerminal = 60;

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
        Assert.EndsWith(" (by its own account)", row.Details()[0].Rows.Single(detail => detail.Name == "User").Value, StringComparison.Ordinal);
        Assert.DoesNotContain("account", outbound.Details()[0].Rows.Single(detail => detail.Name == "User").Value, StringComparison.Ordinal);
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
        Assert.InRange(row.WhyNotDisconnect.Length, 1, NarrowestTerminal);
        Assert.Equal(["Client", "Cipher"], row.Details().Select(section => section.Title));
        await stop.CancelAsync();
        await source.Completion.WaitAsync(Loopback.HelloTimeout);
    }

    /// <summary>What clients had transferred before is nobody's traffic of the last minute; nor is a server that comes back after an hour.</summary>
    [Fact]
    public async Task A_servers_first_answer_is_no_traffic()
    {
        using var stop = new CancellationTokenSource();
        FakeRequests server = new("tcp://one/") { Offset = 1_000_000_000 };
        var source = new ServerSource([server], TimeSpan.FromMilliseconds(10), maxParallel: 1, stop.Token);
        await Loopback.Eventually(() => source.Sample(TimeSpan.Zero).Sessions.Count == 1);
        await Loopback.Eventually(() => source.Sample(TimeSpan.Zero).Sessions[0].Traffic.InRate > 0);
        server.Failure = new XpraAesException(XpraErrorId.ConnectionRefused, "Nobody listens there.");
        await Loopback.Eventually(() => source.Sample(TimeSpan.Zero).Sessions.Count == 0);
        server.Failure = null;
        await Loopback.Eventually(() => source.Sample(TimeSpan.Zero).Sessions is [{ Traffic.InRate: > 0 }]);
        // Some 1,000 bytes an answer, and not the billion before.
        Assert.InRange(source.Sample(TimeSpan.Zero).Traffic.Chart(1)[0] * 60, 1, 100_000_000);
        await stop.CancelAsync();
        await source.Completion.WaitAsync(Loopback.HelloTimeout);
    }

    /// <summary>The same sessions, as their own process and another one show them.</summary>
    [Fact]
    public async Task Another_process_is_shown_as_this_one_is()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        using var folder = new TempFolder();
        await using var rig = new ManagementRig($"unix://{folder["m.sock"]}");
        await rig.Gateway.OpenProvenAsync();
        var served = rig.Gateway.Listener.Connections[0];
        using var stop = new CancellationTokenSource();
        var source = Watch(stop.Token, rig.Address);
        Assert.Equal("asking", Assert.Single(source.Sample(TimeSpan.Zero).Places).State);
        await Loopback.Eventually(() => source.HasRates);
        var other = source.Sample(TimeSpan.FromSeconds(1));
        var own = new ProcessSource().Sample(TimeSpan.FromSeconds(1));
        Assert.Equal(own.PlaceKind, other.PlaceKind);
        var (ownRow, otherRow) = (own.Sessions.Single(row => row.Id == served.Id), other.Sessions.Single(row => row.Id == served.Id));
        Assert.Equal((ownRow.State, ownRow.Tone, ownRow.Peer, ownRow.User, ownRow.Route, ownRow.Transport, ownRow.Cipher), (otherRow.State, otherRow.Tone, otherRow.Peer, otherRow.User, otherRow.Route, otherRow.Transport, otherRow.Cipher));
        Assert.Equal(ownRow.Age!.Value.TotalSeconds, otherRow.Age!.Value.TotalSeconds, tolerance: 10.0);
        var (ownPlace, otherPlace) = (own.Places.Single(place => place.Id == rig.Gateway.Listener.Id), other.Places.Single(place => place.Id == rig.Gateway.Listener.Id));
        Assert.Equal((ownPlace.Name, ownPlace.State, ownPlace.Note, ownPlace.Sessions, false), (otherPlace.Name, otherPlace.State, otherPlace.Note, otherPlace.Sessions, otherPlace.WithholdsSessions));
        Assert.Equal(own.Facts.Select(fact => fact.Split(' ')[0]), other.Facts.Select(fact => fact.Split(' ')[0]));
        Assert.Null(otherRow.Disconnect);
        Assert.Contains("Disconnect-XpraAes", otherRow.WhyNotDisconnect, StringComparison.Ordinal);
        Assert.InRange(otherRow.WhyNotDisconnect.Length, 1, NarrowestTerminal);

        // Its ciphers come once they are asked for.
        Assert.Equal("is asked for", otherRow.Details()[1].Rows[0].Value);
        await Loopback.Eventually(() => source.Sample(TimeSpan.Zero).Sessions.Single(row => row.Id == served.Id).Details().Count == 3);
        var (ownDetails, otherDetails) = (ownRow.Details(), source.Sample(TimeSpan.Zero).Sessions.Single(row => row.Id == served.Id).Details());
        Assert.Equal(ownDetails.Select(section => section.Title), otherDetails.Select(section => section.Title));
        Assert.Equal(ownDetails.Skip(1).SelectMany(section => section.Rows), otherDetails.Skip(1).SelectMany(section => section.Rows));
        Assert.Equal(ownDetails[0].Rows.Select(row => row.Name), otherDetails[0].Rows.Select(row => row.Name));
        await stop.CancelAsync();
        await source.Completion.WaitAsync(Loopback.HelloTimeout);
    }

    [Fact]
    public async Task By_TCP_sessions_are_only_counted()
    {
        await using var rig = new ManagementRig();
        var (client, _) = await rig.Gateway.OpenProvenAsync();
        using var stop = new CancellationTokenSource();
        var source = Watch(stop.Token, rig.Address);
        await Loopback.Eventually(() => source.HasRates && source.Sample(TimeSpan.Zero).Withheld > 0);
        var snapshot = source.Sample(TimeSpan.Zero);
        Assert.Empty(snapshot.Sessions);
        var place = Assert.Single(snapshot.Places, place => place.Id == rig.Gateway.Listener.Id);
        Assert.Equal(($"port {rig.Gateway.Listener.Port}", "", 1, true), (place.Name, place.Note, place.Sessions!.Value, place.WithholdsSessions));
        await client.SendAsync("ping", new byte[100_000]);
        await Loopback.Eventually(() => source.Sample(TimeSpan.Zero) is { Rates.In: > 1000 } busy && busy.Traffic.Chart(1)[0] > 0);
        await stop.CancelAsync();
    }

    [Fact]
    public async Task Several_processes_have_a_row_each_and_their_sessions_say_which()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes for sockets.");
        using var folder = new TempFolder();
        await using var rig = new ManagementRig($"unix://{folder["m.sock"]}");
        await rig.Gateway.OpenProvenAsync();
        using var stop = new CancellationTokenSource();
        var source = Watch(stop.Token, folder["none.sock"], rig.Address);
        await Loopback.Eventually(() => source.HasRates);
        var snapshot = source.Sample(TimeSpan.Zero);
        Assert.Equal(("gateway", 2), (snapshot.PlaceKind, snapshot.Places.Count));
        Assert.Equal((folder["none.sock"], "no answer"), (snapshot.Places[0].Name, snapshot.Places[0].State));
        Assert.StartsWith("ConnectionRefused: ", snapshot.Places[0].Note, StringComparison.Ordinal);
        Assert.Equal((rig.Address, "answers"), (snapshot.Places[1].Name, snapshot.Places[1].State));
        Assert.Contains(rig.Gateway.Listener.Endpoint, snapshot.Places[1].Note, StringComparison.Ordinal);
        Assert.All(snapshot.Sessions, row => Assert.Equal(rig.Address, row.Place));
        Assert.True(snapshot.Sessions[0].Matches("m.sock"));
        Assert.Equal(snapshot.Sessions.Count, snapshot.Sessions.Select(row => row.Key).Distinct().Count());
        await stop.CancelAsync();
    }

    /// <summary>The counters of another process begin again, under the same numbers.</summary>
    [Fact]
    public void A_process_that_was_restarted_is_another_one()
    {
        var history = new ProcessHistory();
        ProcessStatus At(long bytes) => new() { Format = 1, Listeners = [new ListenerStatus { Id = 1, State = "listening", BytesIn = bytes }], Sessions = [new SessionStatus { Id = 2, State = "open", BytesIn = bytes, SendCipher = "AES-CTR", ReceiveCipher = "AES-CBC" }] };
        history.Add(TimeSpan.FromSeconds(1), At(1_000_000));
        history.Add(TimeSpan.FromSeconds(2), At(1_001_000));
        Assert.Equal((1000, 1000L, "CTR/CBC"), (history.Sessions[0].Traffic.InRate, history.Total.In, history.Sessions[0].Cipher));
        // A session that has begun since counts from its beginning, one that has ended stays counted.
        history.Add(TimeSpan.FromSeconds(3), At(0) with { Sessions = [new SessionStatus { Id = 3, BytesIn = 50 }] });
        Assert.Equal(1050, history.Total.In);
    }

    /// <summary>Whatever a stranger answers, the view goes on.</summary>
    [Fact]
    public void Hostile_numbers_and_names_are_drawn()
    {
        var status = new ProcessStatus
        {
            Format = 1,
            Uptime = long.MaxValue,
            Memory = long.MaxValue,
            Listeners = [.. Enumerable.Range(0, 200).Select(id => new ListenerStatus { Id = id, State = "\e[2J", Sessions = int.MaxValue, BytesIn = long.MaxValue, Refusals = new Dictionary<string, long> { ["\e]0;owned\a"] = long.MaxValue }, Endpoints = ["\u202e", new string('x', 5000)] })],
            Sessions = [.. Enumerable.Range(0, 2000).Select(id => new SessionStatus { Id = id, State = "\e[2J", Peer = new string('\u0301', 600), UserName = "a\nb\u202e", BytesIn = long.MaxValue, BytesOut = long.MinValue, Latency = 1e300, Opened = DateTime.MinValue, SendCipher = "\e[0m" })],
        };
        var history = new ProcessHistory();
        for (var i = 0; i < 3; i++)
        {
            var read = StatusReader.Read((status with { Uptime = long.MaxValue - i }).ToJson())!;
            history.Add(TimeSpan.FromMilliseconds(read.Uptime - 10 + i), read);
            var snapshot = new WatchSnapshot { Time = DateTime.Now, PlaceKind = "listener", Places = history.Places, Sessions = history.Sessions, Traffic = history.Traffic, Refusals = history.Refusals, Facts = ProcessHistory.FactsOf([read], history.DerivationRate) };
            foreach (var key in (ConsoleKeyInfo[])[Snapshots.Key('s'), Snapshots.Key(ConsoleKey.End), Snapshots.Key(ConsoleKey.Enter)])
            {
                var view = new WatchView();
                view.Update(snapshot);
                view.Press(key);
                var lines = FrameRenderer.Draw(snapshot, view, new FrameStyle(80, 24, IsAscii: false));
                Assert.All(lines, line => Assert.InRange(CellText.WidthOf(line.ToString()), 0, 80));
                Assert.DoesNotContain(lines, line => line.ToString().Any(char.IsControl));
            }
        }
    }

    private static ManagementSource Watch(CancellationToken cancellationToken, params string[] addresses)
        => new(addresses.Select(address => ManagementAddress.ParseOther(address)), Loopback.HelloTimeout, TimeSpan.FromMilliseconds(20), maxParallel: 4, cancellationToken);

    private sealed class FakeRequests(string server) : IServerRequests
    {
        private volatile int _asked;

        public volatile XpraAesException? Failure;

        public long Offset { get; init; }

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
                        ["input"] = new XpraDictionary { ["bytecount"] = Offset + 1000L * asked, ["packetcount"] = 9L, ["cipher"] = new XpraDictionary { [""] = "AES-CBC" } },
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
