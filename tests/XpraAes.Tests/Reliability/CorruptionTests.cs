using XpraAes.Ciphers;

namespace XpraAes.Tests.Reliability;

/// <summary>
/// A session that is altered in transit: it ends, or (no mode has an integrity check) continues with other data. What arrived intact
/// before the change is delivered unchanged; nothing hangs, crashes, or leaves an unobserved exception.
/// </summary>
[Trait("Category", "Reliability")]
public sealed class CorruptionTests(ITestOutputHelper output)
{
    public static TheoryData<AesMode, bool, int> Modes => SentSession.Modes;

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_flipped_bit_ends_a_session_or_changes_what_arrives(AesMode mode, bool stream, int unit)
    {
        using var unobserved = new UnobservedExceptions();
        var session = SentSession.Create(mode, stream, unit);
        var (rejected, changed, unchanged) = (0, 0, 0);
        foreach (var (wire, offset) in Flips(session.Wire))
        {
            var (packets, end) = session.Read(wire);
            AssertIntactBefore(session, offset, packets);
            if (end is not null)
                rejected++;
            else if (packets.SequenceEqual(session.Packets))
                unchanged++;
            else
                changed++;
            // The listener's side and the connector's. They end at a disconnect, so what follows does not matter.
            foreach (var isClient in new[] { false, true })
                await session.RunEndpointAsync(wire, isClient);
        }
        output.WriteLine($"AES-{mode}, stream {stream}, unit {unit}: {session.Wire.Length * 8} flips: {rejected} rejected, {changed} accepted as other data, {unchanged} without effect.");
        Assert.True(rejected > 0 && changed > 0, "A flip that nobody notices is in the nature of these modes, as is one that somebody does.");
        unobserved.AssertNone();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_flipped_bit_ends_a_relay_or_changes_what_goes_through(AesMode mode, bool stream, int unit)
    {
        using var unobserved = new UnobservedExceptions();
        var (client, target) = (SentSession.Create(mode, stream, unit), SentSession.Create(mode, stream, unit, seed: 2));
        var relayed = new RelayedSession(client, target);
        var ended = 0;
        foreach (var (wire, offset) in Flips(client.Wire))
        {
            var (toTarget, _, end) = await relayed.RunAsync(wire, target.Wire);
            AssertIntactBefore(client, offset, client.Read(toTarget).Packets);
            ended += end is null ? 0 : 1;
        }
        foreach (var (wire, offset) in Flips(target.Wire))
        {
            var (_, toClient, end) = await relayed.RunAsync(client.Wire, wire);
            AssertIntactBefore(target, offset, target.Read(toClient).Packets);
            ended += end is null ? 0 : 1;
        }
        output.WriteLine($"AES-{mode}, stream {stream}, unit {unit}: {(client.Wire.Length + target.Wire.Length) * 8} flips: {ended} ended the relay.");
        Assert.True(ended > 0);
        unobserved.AssertNone();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_session_that_is_cut_off_anywhere_ends_there(AesMode mode, bool stream, int unit)
    {
        using var unobserved = new UnobservedExceptions();
        var (client, target) = (SentSession.Create(mode, stream, unit), SentSession.Create(mode, stream, unit, seed: 2));
        var relayed = new RelayedSession(client, target);
        for (var length = 0; length < client.Wire.Length; length++)
        {
            var whole = client.PacketsBefore(length);
            var (packets, end) = client.Read(client.Wire[..length]);
            Assert.Equal(client.Packets.Take(whole), packets);
            // A complete chunk is not yet a packet.
            Assert.True(end is null or { Id: XpraErrorId.ConnectionLost });
            await client.RunEndpointAsync(client.Wire[..length], isClient: length % 2 == 0);
            var (toTarget, _, _) = await relayed.RunAsync(client.Wire[..length], target.Wire);
            Assert.Equal(client.Packets.Take(whole), client.Read(toTarget).Packets);
            var (_, toClient, _) = await relayed.RunAsync(client.Wire, target.Wire[..length]);
            Assert.Equal(target.Packets.Take(target.PacketsBefore(length)), target.Read(toClient).Packets.Take(target.PacketsBefore(length)));
        }
        unobserved.AssertNone();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Packets_out_of_order_or_twice_or_of_another_session_end_a_session_or_pass_as_they_are(AesMode mode, bool stream, int unit)
    {
        using var unobserved = new UnobservedExceptions();
        var (session, other) = (SentSession.Create(mode, stream, unit), SentSession.Create(mode, stream, unit, seed: 2));
        var relayed = new RelayedSession(session, other);
        foreach (var (parts, intact) in Rearrangements(session, other))
        {
            byte[] wire = [.. parts.SelectMany(part => part)];
            var (packets, _) = session.Read(wire);
            Assert.Equal(session.Packets.Take(intact), packets.Take(intact));
            // With its own IV, every packet is independent: xpra's protocol cannot detect that it was moved or replayed.
            if (!stream && parts.All(part => Enumerable.Range(0, session.Packets.Count).Any(n => session.Part(n).SequenceEqual(part))))
                Assert.Equal(parts.Count, packets.Count);
            await session.RunEndpointAsync(wire, isClient: false);
            await session.RunEndpointAsync(wire, isClient: true);
            var (toTarget, _, _) = await relayed.RunAsync(wire, other.Wire);
            Assert.Equal(session.Packets.Take(intact), session.Read(toTarget).Packets.Take(intact));
        }
        unobserved.AssertNone();
    }

    /// <summary>Every packet taken out, doubled, swapped with the next, and everything from it on replaced by another session's; with how many packets before that are in their place.</summary>
    private static IEnumerable<(List<byte[]> Parts, int Intact)> Rearrangements(SentSession session, SentSession other)
    {
        var parts = Enumerable.Range(0, session.Packets.Count).Select(session.Part).ToList();
        for (var i = 0; i < parts.Count; i++)
        {
            yield return ([.. parts[..i], .. parts[(i + 1)..]], i);
            yield return ([.. parts[..(i + 1)], .. parts[i..]], i + 1);
            yield return ([.. parts[..i], .. Enumerable.Range(i, parts.Count - i).Select(other.Part)], i);
            yield return ([.. parts[..i], other.Part(i), .. parts[(i + 1)..]], i);
            if (i + 1 < parts.Count)
                yield return ([.. parts[..i], parts[i + 1], parts[i], .. parts[(i + 2)..]], i);
        }
        yield return ([.. Enumerable.Reverse(parts)], 0);
    }

    private static IEnumerable<(byte[] Wire, int Offset)> Flips(byte[] wire)
    {
        for (var bit = 0; bit < wire.Length * 8; bit++)
        {
            byte[] flipped = [.. wire];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            yield return (flipped, bit / 8);
        }
    }

    private static void AssertIntactBefore(SentSession session, int offset, List<string> packets)
    {
        var whole = session.PacketsBefore(offset);
        Assert.Equal(session.Packets.Take(whole), packets.Take(whole));
    }
}
