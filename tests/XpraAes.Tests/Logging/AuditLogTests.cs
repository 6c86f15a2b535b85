using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using XpraAes.Gateway;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Logging;

/// <summary>The audit log of a listener: who came, where to, under which key, and how it ended; and what nobody can make it say.</summary>
[Collection(LoopbackCollection.Name)]
public sealed class AuditLogTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ListLogger _log = new();

    private string Path => _folder["audit.json"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_session_is_told_from_its_beginning_to_its_end()
    {
        string peer, listener, fingerprint, target;
        using (var audit = new AuditLog(Path, _log))
        {
            using var key = XpraKey.Generate();
            await using var server = Loopback.Start();
            await using var gateway = Loopback.Start(options => options with { Logger = audit, Target = new TargetOptions { Endpoint = server.Options.Endpoint, Keys = [server.Key] } });
            await using (var client = await gateway.ConnectAsync(options => options with { UserName = "ada" }))
            {
                var connection = await gateway.SingleConnectionAsync();
                await Loopback.Eventually(() => connection.KeyProven);
                (peer, listener, fingerprint, target) = (connection.Peer, connection.Endpoint, gateway.Key.Fingerprint, server.Options.Endpoint.ToString());
            }
            await Loopback.Eventually(() => gateway.Listener.Connections.Count == 0);
        }
        var events = Events();
        Assert.Equal(["Listening", "SessionOpened", "KeyProven", "SessionClosed", "ListenerStopped"], events.Select(e => e.GetProperty("event").GetString()));
        Assert.Equal([100, 113, 203, 114, 101], events.Select(e => e.GetProperty("id").GetInt32()));
        Assert.All(events.Where(e => e.TryGetProperty("session", out _)), e =>
            Assert.Equal((peer, listener, "ada", target, "Tcp", "xpra", 256, fingerprint), (Text(e, "peer"), Text(e, "listener"), Text(e, "user"), Text(e, "target"), Text(e, "transport"), Text(e, "protocol"), e.GetProperty("keyBits").GetInt32(), Text(e, "keyFingerprint"))));
        Assert.Equal("AES-CBC", Text(events[1], "cipher"));
        Assert.Equal((false, true), (events[1].GetProperty("keyProven").GetBoolean(), events[3].GetProperty("keyProven").GetBoolean()));
        Assert.InRange(events[3].GetProperty("bytesIn").GetInt64(), 100, 100_000);
        Assert.InRange(events[3].GetProperty("bytesOut").GetInt64(), 100, 100_000);
        Assert.InRange(events[3].GetProperty("seconds").GetDouble(), 0, 120);
        Assert.NotEqual("", Text(events[3], "reason"));
    }

    [Fact]
    public async Task Refusals_have_their_cause_and_a_flood_of_them_does_not_fill_the_disk()
    {
        using (var audit = new AuditLog(Path, _log))
        {
            await using var loopback = Loopback.Start(options => options with { Logger = audit });
            using var other = XpraKey.Generate();
            await loopback.FailToConnectAsync(options => options with { Key = other });
            for (var i = 0; i < 50; i++)
            {
                using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await stranger.ConnectAsync("127.0.0.1", loopback.Listener.Port);
            }
            await Loopback.Eventually(() => loopback.Listener.Rejected > 40);
        }
        var events = Events();
        var refused = events.Where(e => Text(e, "event") == "PeerRefused").ToArray();
        Assert.Contains(refused, e => Text(e, "cause") == "KeyMismatch");
        Assert.InRange(refused.Length, 2, 10);
        Assert.Contains(events, e => Text(e, "event") == "ConnectionsLeftOut" && e.GetProperty("count").GetInt32() > 30);
    }

    /// <summary>A user's name is what a client says. Nothing in it ends the line, or makes another field.</summary>
    [Theory]
    [InlineData("ada\n{\"event\":\"SessionClosed\"}\n")]
    [InlineData("ada\",\"keyProven\":true,\"x\":\"")]
    [InlineData("ada\u2028\u0085\r\0\u001b[2J\ud800")]
    public async Task No_name_forges_a_line(string name)
    {
        using (var audit = new AuditLog(Path, _log))
        {
            await using var loopback = Loopback.Start(options => options with { Logger = audit });
            await using var client = await loopback.ConnectAsync(options => options with { UserName = name });
            await loopback.SingleConnectionAsync();
        }
        var raw = File.ReadAllBytes(Path);
        Assert.DoesNotContain(raw, b => b != '\n' && b is < 0x20 or > 0x7e);
        var opened = Assert.Single(Events(), e => Text(e, "event") == "SessionOpened");
        Assert.StartsWith("ada", Text(opened, "user"), StringComparison.Ordinal);
        Assert.Single(opened.EnumerateObject(), property => property.Name == "keyProven");
    }

    [Fact]
    public void A_long_name_is_cut()
    {
        using (var audit = new AuditLog(Path, _log))
            Log.PeerRefused(audit, new string('x', 100_000), XpraErrorId.NotXpra, "why");
        Assert.Equal(1000, Text(Assert.Single(Events()), "peer").Length);
    }

    [Fact]
    public void The_file_is_private_and_others_may_rotate_it_at_any_time()
    {
        using (var audit = new AuditLog(Path, _log))
        {
            Log.ListenerStopped(audit, "one");
            SpinWait.SpinUntil(() => new FileInfo(Path).Length > 0, Loopback.HelloTimeout);
            File.Move(Path, Path + "-20261128");
            Log.ListenerStopped(audit, "two");
            SpinWait.SpinUntil(() => File.Exists(Path) && new FileInfo(Path).Length > 0, Loopback.HelloTimeout);
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path));
        }
        Assert.Equal("two", Text(Assert.Single(Events()), "endpoint"));
        Assert.Contains("\"one\"", File.ReadAllText(Path + "-20261128"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_written_delays_nobody_and_is_counted()
    {
        const int Count = 30_000;
        using (var audit = new AuditLog(Path, _log))
        {
            File.Delete(Path);
            Directory.CreateDirectory(Path);
            for (var i = 0; i < Count; i++)
                Log.ListenerStopped(audit, "x");
            SpinWait.SpinUntil(() => _log.Events.Any(e => e.Id == 132), Loopback.HelloTimeout);
            Directory.Delete(Path);
            SpinWait.SpinUntil(() =>
            {
                Log.ListenerStopped(audit, "later");
                Thread.Sleep(50);
                return File.Exists(Path);
            }, Loopback.HelloTimeout);
        }
        Assert.Single(_log.Events, e => e.Id == 132 && e.Text.StartsWith(Path, StringComparison.Ordinal));
        var events = Events();
        var missing = events.Where(e => Text(e, "event") == "EventsMissing").Sum(e => e.GetProperty("count").GetInt64());
        Assert.Equal(Count, missing + events.Count(e => e.TryGetProperty("endpoint", out var endpoint) && endpoint.GetString() == "x"));
    }

    [Fact]
    public async Task The_journal_gets_each_event_as_an_entry_of_its_own()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has systemd.");
        using var journal = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        journal.Bind(new UnixDomainSocketEndPoint(_folder["socket"]));
        using (var audit = new AuditLog(_folder["socket"], _log))
        {
            Log.ListenerStopped(audit, "one\nPRIORITY=0");
            Log.ListenerStopped(audit, "two");
        }
        var buffer = new byte[4096];
        var first = Encoding.UTF8.GetString(buffer, 0, await journal.ReceiveAsync(buffer));
        Assert.StartsWith("PRIORITY=6\nSYSLOG_IDENTIFIER=xpra-aes\nMESSAGE={\"time\":", first, StringComparison.Ordinal);
        Assert.Equal(3, first.Count(c => c == '\n'));
        Assert.Equal("one\nPRIORITY=0", Text(JsonDocument.Parse(first[first.IndexOf('{', StringComparison.Ordinal)..]).RootElement, "endpoint"));
        Assert.Contains("\"two\"", Encoding.UTF8.GetString(buffer, 0, await journal.ReceiveAsync(buffer)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_used_is_an_error_at_once()
        => Assert.Equal(XpraErrorId.LogUnwritable, Assert.Throws<XpraAesException>(() => new AuditLog(_folder["missing/audit.json"], _log)).Id);

    private JsonElement[] Events() => [.. File.ReadAllLines(Path).Where(line => line.Length > 0).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string Text(JsonElement e, string name) => e.TryGetProperty(name, out var value) ? value.ToString() : "";
}
