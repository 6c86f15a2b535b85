using System.Buffers.Binary;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Packets;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Reliability;

/// <summary>Sizes that are announced but never sent, and packets that arrive slowly: neither uses memory, and only the latter work.</summary>
[Trait("Category", "Reliability")]
[Collection(LoopbackCollection.Name)]
public sealed class SizeTests
{
    private static readonly Limits s_lenientLimits = new() { FailuresBeforeBlock = 10_000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(50) };

    /// <summary>What announces gigabytes: a payload; values inside one; what it decompresses to; a frame around it.</summary>
    public static TheoryData<string, string> Announcements => new()
    {
        { "a packet of 4 GB", "P\x10\0\0\xff\xff\xff\xff" },
        { "a packet of 2 GB", "P\x10\0\0\x7f\xff\xff\xff" },
        { "a packet a byte over the limit", "P\x10\0\0\0\x04\0\x01" },
        { "a chunk of 2 GB", "P\x10\0\x05\x7f\xff\xff\xff" },
        { "text of 2 GB in rencodeplus", Packet(0x10, 0, "\xc1" + "2147483647:x") },
        { "bytes of 9 GB in rencodeplus", Packet(0x10, 0, "\xc1" + "9999999999/x") },
        { "text of 2 GB in rencode", Packet(0x01, 0, "\xc1" + "2147483647:x") },
        { "text of 2 GB in bencode", Packet(0x00, 0, "l2147483647:x") },
        { "a list that never ends", Packet(0x10, 0, ";" + new string(';', 1000)) },
        { "4 GB of lz4", Packet(0x10, 0x11, "\xff\xff\xff\xff" + "0000") },
        { "1 GB of lz4", Packet(0x10, 0x11, "\0\0\0\x40" + "0000") },
        { "a frame of 8 EB", Upgrade + "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0" },
        { "a frame of 2 GB", Upgrade + "\x82\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0" + "P\x10\0\0\x7f\xff\xff\xff" },
    };

    private const string Upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: binary\r\n\r\n";

    [Theory]
    [MemberData(nameof(Announcements))]
    public async Task An_announced_size_alone_allocates_no_memory(string what, string said)
    {
        const int Count = 20, Megabyte = 1024 * 1024;
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        var bytes = Encoding.Latin1.GetBytes(said);
        await SayAsync();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < Count; i++)
            await SayAsync();
        var each = (GC.GetTotalAllocatedBytes(precise: true) - before) / Count;
        Assert.True(each < Megabyte, $"{what}: {each} bytes were allocated.");
        Assert.Equal(Count + 1, loopback.Listener.Rejected);
        Assert.DoesNotContain(XpraErrorId.HandshakeTimeout, loopback.Listener.Refusals.Keys);

        async Task SayAsync()
        {
            await using var unauthenticatedClient = await loopback.ConnectFakeAsync();
            await unauthenticatedClient.SendRawAsync(bytes);
            var waste = new byte[4096];
            while (await unauthenticatedClient.Socket.ReceiveAsync(waste).WaitAsync(Loopback.HelloTimeout) > 0)
            {
            }
            await Loopback.Eventually(() => loopback.Listener.Serving <= 1);
        }
    }

    [Theory]
    [InlineData(0x7fffffff)]
    [InlineData(ProtocolDefaults.MaxPacketSize + 1)]
    public async Task A_client_with_the_key_announces_no_more_than_the_limit_either(int size)
    {
        await using var loopback = Loopback.Start(options => options with { Limits = s_lenientLimits });
        await using var client = await loopback.ConnectFakeAsync();
        await client.OpenSessionAsync(Generation.Named("6.2"), AesMode.CTR);
        await client.SendAsync("ping", 1L);
        await client.ReceiveAsync("ping_echo");
        var connection = await loopback.SingleConnectionAsync();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var header = new byte[] { (byte)'P', 0x12, 0, 0, 0, 0, 0, 0 };
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), size);
        await client.SendRawAsync(header);
        await connection.Completion.WaitAsync(Loopback.HelloTimeout);
        Assert.Contains(connection.CloseCause, new XpraErrorId?[] { XpraErrorId.LimitReached, XpraErrorId.MalformedPacket });
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 4 * 1024 * 1024);
    }

    [Theory]
    [InlineData(AesMode.CBC)]
    [InlineData(AesMode.GCM)]
    public async Task A_client_that_writes_and_reads_single_bytes_is_served_like_any_other(AesMode mode)
    {
        await using var loopback = Loopback.Start();
        await using var client = await TestClient.ConnectAsync(loopback.Listener, loopback.Key, mode, wrap: stream => new TrickleStream(stream));
        await client.SendHelloAsync();
        var session = await client.EstablishAsync();
        for (var i = 1L; i <= 5; i++)
        {
            await session.SendAsync("ping", i, new string('x', 100));
            Packet? packet;
            do
                packet = await session.ReceiveAsync();
            while (packet!.Type != "ping_echo");
            Assert.Equal(i, packet[1]);
        }
    }

    private static string Packet(byte flags, byte compression, string payload)
        => $"P{(char)flags}{(char)compression}\0\0\0{(char)(payload.Length >> 8)}{(char)(payload.Length & 0xff)}{payload}";
}
