using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Fuzz;
using XpraAes.Handshake;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Handshake;

/// <summary>Salt tags, how long salts are remembered, memory use, and the salt file.</summary>
public sealed class SaltMemoryTests : IDisposable
{
    private readonly XpraKey _key = XpraKey.Generate();
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_tag_is_recognised_only_with_the_key()
    {
        using var other = XpraKey.Generate();
        var tags = SaltMemory.Of(_key).Tags;
        var hello = Hello.ForClient(Hello.NewUuid(), "me", allowXor: false);
        var parameters = CipherCapabilities.Generate(AesMode.CBC, 32, KeyHash.SHA1, 1_000, PaddingScheme.Pkcs7, 16, stream: true);
        var (ofClient, ofListener) = (tags.CreateClientSalt(hello, DateTimeOffset.UtcNow), tags.CreateListenerSalt(parameters.Salt.Span, parameters, true));
        Assert.Equal((SaltOrigin.Client, SaltOrigin.Listener), (tags.OriginOf(ofClient), tags.OriginOf(ofListener)));
        Assert.Equal((SaltOrigin.Unknown, SaltOrigin.Unknown), (SaltMemory.Of(other).Tags.OriginOf(ofClient), SaltMemory.Of(other).Tags.OriginOf(ofListener)));
        Assert.Equal(64, ofClient.Length);
        Assert.All(Enumerable.Range(0, 40), at =>
        {
            var changed = ofClient.ToArray();
            changed[at] ^= 1;
            Assert.Equal(SaltOrigin.Unknown, tags.OriginOf(changed));
        });
        Assert.Equal(SaltOrigin.Unknown, tags.OriginOf(RandomNumberGenerator.GetBytes(64)));
        Assert.Equal(SaltOrigin.Unknown, tags.OriginOf([]));
        Assert.True(tags.IsBoundTo(ofClient, hello));
        Assert.True(tags.IsAnswerTo(ofListener, parameters.Salt.Span, parameters, true));
        Assert.False(tags.IsAnswerTo(ofListener, parameters.Salt.Span, parameters, null));
        Assert.False(tags.IsAnswerTo(ofListener, ofClient, parameters, true));
        Assert.InRange(SaltTags.TimeOf(ofClient), DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
    }

    [Fact]
    public void A_clients_tag_is_bound_to_its_hello_in_every_encoding()
    {
        var tags = SaltMemory.Of(_key).Tags;
        var hello = Hello.ForClient(Hello.NewUuid(), "me", allowXor: false);
        CipherCapabilities.Write(hello, CipherCapabilities.Generate(AesMode.CBC, 32, KeyHash.SHA1, 1_000, PaddingScheme.Pkcs7, 16, stream: true), true);
        var salt = tags.CreateClientSalt(hello, DateTimeOffset.UtcNow);
        foreach (var encoding in new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode })
        {
            var received = (object?[])PacketCodec.Decode(encoding, PacketCodec.Encode(encoding, new object?[] { "hello", hello }), new DecodeLimits(32, 10_000))!;
            Assert.True(tags.IsBoundTo(salt, (XpraDictionary)received[1]!), $"{encoding}");
            ((XpraDictionary)received[1]!)["more"] = true;
            Assert.False(tags.IsBoundTo(salt, (XpraDictionary)received[1]!), $"{encoding}");
        }
    }

    [Fact]
    public void A_flood_evicts_its_own_salts_and_not_those_of_other_clients()
    {
        const int Capacity = 10_000;
        var salts = new UnprovenSalts();
        for (var i = 0; i < 50; i++)
            Assert.True(salts.Add((UInt128)i, IPAddress.Parse($"10.0.0.{i}"), Capacity));
        // From one address, from three, and from one site's IPv6 /48.
        for (var i = 1; i < 10 * Capacity; i++)
        {
            var from = (i % 3) switch
            {
                0 => IPAddress.Parse("192.0.2.1"),
                1 => IPAddress.Parse($"192.0.2.{2 + i % 2}"),
                _ => IPAddress.Parse($"2001:db8:1:{i % 0xffff:x}::{i % 7 + 1}"),
            };
            Assert.True(salts.Add((UInt128)(1_000 + i), from, Capacity));
            Assert.InRange(salts.Count, 1, Capacity);
        }
        for (var i = 0; i < 50; i++)
            Assert.True(salts.Contains((UInt128)i), $"{i}");
        // The newest salts of a flood are remembered too.
        Assert.True(salts.Contains((UInt128)(1_000 + 10 * Capacity - 1)));
    }

    [Fact]
    public void Salts_of_proven_clients_are_never_evicted()
    {
        var salts = SaltMemory.Of(_key);
        var limits = Limits.Default with { RememberedSalts = 100 };
        var salt = RandomNumberGenerator.GetBytes(64);
        Use(salts, salt, "192.0.2.1", limits);
        salts.MarkProven(salt);
        for (var i = 0; i < 1_000; i++)
            Use(salts, RandomNumberGenerator.GetBytes(64), "192.0.2.1", limits);
        Assert.Equal(XpraErrorId.SaltReused, Assert.Throws<XpraAesException>(() => Use(salts, salt, "192.0.2.2", limits)).Id);
        Assert.Equal(1, salts.Proven);
    }

    [Fact]
    public void The_salt_file_is_private_and_used_by_one_process_only()
    {
        var salts = SaltMemory.Of(_key);
        var salt = RandomNumberGenerator.GetBytes(64);
        salts.MarkProven(salt); // before the file exists
        var folder = _folder["state"];
        using (salts.PersistIn(folder, NullLogger.Instance))
        using (salts.PersistIn(folder, NullLogger.Instance)) // two listeners of one process
        {
            salts.MarkProven(RandomNumberGenerator.GetBytes(64));
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
                foreach (var file in Directory.GetFiles(folder))
                    Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            }
            var taken = Assert.Throws<XpraAesException>(() => SaltJournal.Open(SaltJournal.PathIn(folder, salts.Tags), NullLogger.Instance, out _));
            Assert.Equal(XpraErrorId.StateInUse, taken.Id);
        }
        salts.Clear();
        using (salts.PersistIn(folder, NullLogger.Instance))
        {
            Assert.Equal(2, salts.Proven);
            Assert.Throws<XpraAesException>(() => Use(salts, salt, "192.0.2.1", Limits.Default));
        }
    }

    [Fact]
    public void Expired_records_are_dropped_and_a_partial_one_is_truncated()
    {
        var path = Path.Combine(_folder.Root, "0.salts");
        var now = DateTimeOffset.UtcNow;
        using (var journal = SaltJournal.Open(path, NullLogger.Instance, out var none))
        {
            Assert.Empty(none);
            journal.Append(1, null);
            journal.Append(2, now.AddHours(-2));
            journal.Append(3, now.AddHours(2));
        }
        foreach (var torn in new[] { 0, 1, 19 })
        {
            using (var file = File.Open(path, FileMode.Append))
                file.Write(new byte[torn]);
            using var journal = SaltJournal.Open(path, NullLogger.Instance, out var records);
            Assert.Equal([1, 3], records.Select(record => (int)record.Trace));
            Assert.Null(records[0].Expires);
            Assert.InRange(records[1].Expires!.Value, now.AddHours(2), now.AddHours(2).AddMinutes(1));
            journal.Rewrite(records);
            Assert.Equal(16 + 2 * 20, new FileInfo(path).Length);
        }
    }

    [Fact]
    public void A_file_that_is_not_a_salt_file_is_not_touched()
    {
        var path = Path.Combine(_folder.Root, "0.salts");
        File.WriteAllText(path, "something that somebody else needs");
        Assert.Equal(XpraErrorId.StateUnusable, Assert.Throws<XpraAesException>(() => SaltJournal.Open(path, NullLogger.Instance, out _)).Id);
        Assert.Equal("something that somebody else needs", File.ReadAllText(path));
        File.Delete($"{path}.lock");
        Directory.CreateDirectory($"{path}.lock");
        Assert.Equal(XpraErrorId.StateUnusable, Assert.Throws<XpraAesException>(() => SaltJournal.Open(path, NullLogger.Instance, out _)).Id);
    }

    [Fact]
    public async Task A_process_killed_at_any_moment_loses_no_recorded_salt()
    {
        const int Kills = 200;
        using var key = XpraKey.FromText(SaltWriter.KeyText);
        var tags = SaltMemory.Of(key).Tags;
        var path = SaltJournal.PathIn(_folder.Root, tags);
        var said = new HashSet<UInt128>();
        var random = new Random(Environment.TickCount);
        for (var i = 0; i < Kills; i++)
        {
            using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(SaltWriter).Assembly.Location, "salts", _folder.Root]) { RedirectStandardOutput = true })!;
            var count = random.Next(60);
            while (count-- >= 0 && await process.StandardOutput.ReadLineAsync() is { } line)
                said.Add(UInt128.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            process.Kill();
            // The complete lines that it had written by then.
            var rest = await process.StandardOutput.ReadToEndAsync();
            foreach (var line in rest.Split('\n').SkipLast(1))
                said.Add(UInt128.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            await process.WaitForExitAsync();

            using var journal = SaltJournal.Open(path, NullLogger.Instance, out var records);
            var kept = records.Select(record => record.Trace).ToHashSet();
            Assert.Empty(said.Except(kept));
            Assert.Equal(0, (new FileInfo(path).Length - 16) % 20);
        }
        Assert.InRange(said.Count, Kills, int.MaxValue);
    }

    private static void Use(SaltMemory salts, byte[] salt, string source, Limits limits)
        => salts.ClaimClientSalt(salt, new XpraDictionary(), IPAddress.Parse(source), isProven: false, limits, DateTimeOffset.UtcNow);
}
