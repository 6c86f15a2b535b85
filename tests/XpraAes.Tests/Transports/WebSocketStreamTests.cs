using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using XpraAes.Transports;
using Xunit;
using WebSocketStream = XpraAes.Transports.WebSocketStream;

namespace XpraAes.Tests.Transports;

public sealed class WebSocketStreamTests
{
    private static readonly int[] s_sizes = [0, 1, 2, 124, 125, 126, 127, 128, 4000, 16383, 16384, 16385, 65521, 65522, 65523, 65535, 65536, 65537, 200_000];

    public static TheoryData<bool> MaskedOrNot => [true, false];

    [Theory]
    [MemberData(nameof(MaskedOrNot))]
    public async Task What_is_written_is_read_however_the_network_splits_it(bool masks)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var sent = new MemoryStream();
            var network = new ScriptedStream([]);
            await using var writer = new WebSocketStream(network, masks);
            for (var i = 0; i < 40; i++)
            {
                var bytes = RandomBytes(random, random.Next(2) == 0 ? random.Next(300) : s_sizes[random.Next(s_sizes.Length)]);
                sent.Write(bytes);
                await writer.WriteAsync(bytes);
            }

            var wire = network.Written.ToArray();
            var already = random.Next(2) == 0 ? random.Next(30_000) : 0;
            await using var reader = new WebSocketStream(new ScriptedStream(wire[already..], random), !masks, wire.AsMemory(0, already));
            Assert.Equal(sent.ToArray(), await ReadAllAsync(reader, random));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(30)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(100)]
    public void Masking_is_the_byte_by_byte_XOR_of_RFC_6455(int length)
    {
        var random = new Random(length);
        var (source, key) = (RandomBytes(random, length), RandomBytes(random, 4));
        var masked = new byte[length];
        WebSocketStream.Mask(source, masked, BitConverter.ToUInt32(key));
        Assert.Equal(source.Select((value, i) => (byte)(value ^ key[i % 4])), masked);
    }

    [Theory]
    [InlineData(5, "8205")]
    [InlineData(125, "827d")]
    [InlineData(126, "827e007e")]
    [InlineData(65535, "827effff")]
    [InlineData(65536, "827f0000000000010000")]
    public async Task Length_takes_the_shortest_form(int length, string header)
    {
        var network = new ScriptedStream([]);
        await using var server = new WebSocketStream(network, masks: false);
        await server.WriteAsync(new byte[length]);
        Assert.StartsWith(header, Convert.ToHexStringLower(network.Written.ToArray()), StringComparison.Ordinal);
        Assert.Equal(header.Length / 2 + length, network.Written.Length);
    }

    [Fact]
    public async Task A_client_masks_each_frame_with_a_new_key()
    {
        var network = new ScriptedStream([]);
        await using var client = new WebSocketStream(network, masks: true);
        var keys = new HashSet<uint>();
        for (var i = 0; i < 20; i++)
        {
            network.Written.SetLength(0);
            await client.WriteAsync("xpra"u8.ToArray());
            var frame = network.Written.ToArray();
            Assert.Equal([0x82, 0x84], frame[..2]);
            Assert.Equal("xpra"u8.ToArray(), frame[6..].Select((value, n) => (byte)(value ^ frame[2 + n])));
            keys.Add(BitConverter.ToUInt32(frame, 2));
        }
        Assert.InRange(keys.Count, 19, 20);
    }

    [Theory]
    [MemberData(nameof(MaskedOrNot))]
    public async Task Header_and_payload_leave_in_one_write(bool masks)
    {
        var network = new ScriptedStream([]);
        await using var stream = new WebSocketStream(network, masks);
        await stream.WriteAsync(new byte[65_000]);
        Assert.Single(network.Writes);
        await stream.WriteAsync(new byte[1_000_000]);
        Assert.Equal(1 + 16, network.Writes.Count);
    }

    [Fact]
    public async Task The_HTML5_client_session_comes_out_of_its_frames_byte_for_byte()
    {
        var sessions = Capture.All.Where(capture => capture.IsWebSocket).ToArray();
        Assert.NotEmpty(sessions);
        foreach (var capture in sessions)
        {
            foreach (var direction in new[] { "c2s", "s2c" })
            {
                var wire = capture.Stream(direction);
                var frames = wire[(wire.AsSpan().IndexOf("\r\n\r\n"u8) + 4)..];
                await using var stream = new WebSocketStream(new ScriptedStream(frames, new Random(1)), masks: direction == "s2c");
                var payload = await ReadAllAsync(stream, new Random(2));
                AssertPackets(capture, direction, payload);

                if (direction == "s2c")
                    await AssertFramedAsync(capture, payload, frames);
            }
        }
    }

    [Fact]
    public async Task Unmasked_client_frames_and_masked_server_frames_are_accepted()
    {
        // xpra's Python clients do not mask.
        Assert.Equal("xpra", await ReadTextAsync("820478707261", masks: false));
        Assert.Equal("xpra", await ReadTextAsync("8284" + "01020304" + "79727165", masks: true));
    }

    [Fact]
    public async Task Fragments_text_and_empty_frames_join_into_one_stream_of_bytes()
    {
        Assert.Equal("abcdefg", await ReadTextAsync("0201" + "61" + "0002" + "6263" + "0000" + "8001" + "64" + "8200" + "8101" + "65" + "8202" + "6667"));
    }

    [Fact]
    public async Task Text_frames_need_not_be_UTF8()
    {
        await using var stream = Open("8102" + "fffe");
        Assert.Equal([0xff, 0xfe], await ReadAllAsync(stream));
    }

    [Theory]
    [InlineData("8900", "8a00")]
    [InlineData("8903616263", "8a03616263")]
    [InlineData("898301020304606066", "8a03616265")]
    [InlineData("8a03616263", "")]
    public async Task A_ping_is_answered_with_its_payload_also_between_fragments(string control, string answer)
    {
        var network = new ScriptedStream(Convert.FromHexString("0201" + "61" + control + "8001" + "62"), new Random(3));
        await using var stream = new WebSocketStream(network, masks: false);
        Assert.Equal("ab"u8.ToArray(), await ReadAllAsync(stream));
        Assert.Equal(answer, Convert.ToHexStringLower(network.Written.ToArray()));
    }

    [Fact]
    public async Task A_ping_of_the_largest_size_is_answered()
    {
        var payload = RandomBytes(new Random(1), 125);
        var network = new ScriptedStream([0x89, 125, .. payload, 0x82, 1, 7], new Random(4));
        await using var stream = new WebSocketStream(network, masks: false);
        Assert.Equal([7], await ReadAllAsync(stream));
        Assert.Equal([0x8a, 125, .. payload], network.Written.ToArray());
    }

    [Theory]
    [InlineData("8800", "8800")]
    [InlineData("880203e9", "880203e9")]
    [InlineData("880503e9627965", "880203e9")]
    public async Task A_close_ends_reading_is_echoed_and_ends_writing(string close, string answer)
    {
        var network = new ScriptedStream(Convert.FromHexString("820161" + close + "820162"));
        await using var stream = new WebSocketStream(network, masks: false);
        Assert.Equal("a"u8.ToArray(), await ReadAllAsync(stream));
        Assert.Equal(0, await stream.ReadAsync(new byte[10]));
        Assert.Equal(answer, Convert.ToHexStringLower(network.Written.ToArray()));

        var thrown = await Assert.ThrowsAsync<XpraAesException>(async () => await stream.WriteAsync(new byte[1]));
        Assert.Equal(XpraErrorId.ConnectionLost, thrown.Id);
    }

    [Fact]
    public async Task After_our_own_close_reading_continues_and_nothing_more_is_sent()
    {
        var network = new ScriptedStream(Convert.FromHexString("820161" + "8900" + "820162" + "880203e8"));
        await using var stream = new WebSocketStream(network, masks: false);
        await stream.CloseSendAsync(CancellationToken.None);
        await stream.CloseSendAsync(CancellationToken.None);
        await Assert.ThrowsAsync<XpraAesException>(async () => await stream.WriteAsync(new byte[1]));
        Assert.Equal("ab"u8.ToArray(), await ReadAllAsync(stream));
        Assert.Equal("880203e8", Convert.ToHexStringLower(network.Written.ToArray()));
    }

    [Theory]
    [InlineData("c20161")]
    [InlineData("a20161")]
    [InlineData("920161")]
    [InlineData("830161")]
    [InlineData("870161")]
    [InlineData("8b00")]
    [InlineData("8f00")]
    [InlineData("800161")]
    [InlineData("0201618201" + "62")]
    [InlineData("0201618101" + "62")]
    [InlineData("0900")]
    [InlineData("0800")]
    [InlineData("897e007e")]
    [InlineData("897f000000000000007e")]
    [InlineData("887e0080")]
    [InlineData("880103")]
    [InlineData("827f0000000010000001")]
    [InlineData("827f7fffffffffffffff")]
    [InlineData("827f8000000000000000")]
    [InlineData("827fffffffffffffffff")]
    public async Task Frames_that_violate_the_RFC_are_malformed(string hex)
    {
        await using var stream = new WebSocketStream(new ScriptedStream(Convert.FromHexString(hex), new Random(1)), masks: false);
        await Assert.ThrowsAsync<MalformedPacketException>(() => ReadAllAsync(stream));
    }

    [Fact]
    public async Task A_connection_cut_at_any_offset_gives_the_payload_so_far_and_then_the_end()
    {
        var wire = Convert.FromHexString("8284" + "01020304" + "79727165" + "8900" + "827e0003" + "616263");
        var payload = "xpraabc"u8.ToArray();
        var before = 0;
        for (var length = 0; length <= wire.Length; length++)
        {
            await using var stream = new WebSocketStream(new ScriptedStream(wire[..length]), masks: false);
            var got = await ReadAllAsync(stream);
            Assert.Equal(payload[..got.Length], got);
            Assert.InRange(got.Length, before, before + 1);
            before = got.Length;
        }
        Assert.Equal(payload.Length, before);
    }

    [Fact]
    public async Task Random_bytes_give_payload_or_a_malformed_frame()
    {
        var random = new Random(6);
        for (var i = 0; i < 5_000; i++)
        {
            var wire = RandomBytes(random, random.Next(1, 200));
            wire[0] &= 0x8f;
            await using var stream = new WebSocketStream(new ScriptedStream(wire), masks: false);
            try
            {
                Assert.InRange((await ReadAllAsync(stream)).Length, 0, wire.Length);
            }
            catch (MalformedPacketException)
            {
                continue;
            }
        }
    }

    [Fact]
    public async Task A_cancelled_read_loses_nothing_and_does_not_affect_writing()
    {
        var (near, far) = DuplexStream.CreatePair();
        await using var stream = new WebSocketStream(near, masks: false);
        var buffer = new byte[10];
        foreach (var piece in new byte[][] { [0x82], [0x84, 1, 2], [3, 4], [0x79, 0x72, 0x71, 0x65] })
        {
            using var cancel = new CancellationTokenSource();
            var read = stream.ReadAsync(buffer, cancel.Token).AsTask();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
            await far.WriteAsync(piece);
        }
        await stream.ReadExactlyAsync(buffer.AsMemory(0, 4));
        Assert.Equal("xpra"u8.ToArray(), buffer[..4]);

        await stream.WriteAsync(new byte[] { 5 });
        await far.ReadExactlyAsync(buffer.AsMemory(0, 3));
        Assert.Equal([0x82, 1, 5], buffer[..3]);
    }

    [Fact]
    public async Task A_pong_waits_for_the_frame_that_is_being_written()
    {
        var gate = new TaskCompletionSource();
        var network = new ScriptedStream([0x89, 1, 42]) { Gate = gate.Task };
        await using var stream = new WebSocketStream(network, masks: false);
        var content = RandomBytes(new Random(1), 150_000);
        var write = stream.WriteAsync(content).AsTask();
        var read = stream.ReadAsync(new byte[10]).AsTask();
        Assert.False(write.IsCompleted);
        Assert.False(read.IsCompleted);

        gate.SetResult();
        await write;
        Assert.Equal(0, await read);
        Assert.Equal([0x82, 127, 0, 0, 0, 0, 0, 2, 0x49, 0xf0, .. content, 0x8a, 1, 42], network.Written.ToArray());
    }

    [Fact]
    public async Task After_an_interrupted_write_nothing_more_is_written()
    {
        var network = new ScriptedStream([]) { Gate = new TaskCompletionSource().Task };
        await using var stream = new WebSocketStream(network, masks: true);
        using var cancel = new CancellationTokenSource();
        var write = stream.WriteAsync(new byte[10], cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);

        network.Gate = Task.CompletedTask;
        var thrown = await Assert.ThrowsAsync<XpraAesException>(async () => await stream.WriteAsync(new byte[10]));
        Assert.Equal(XpraErrorId.ConnectionLost, thrown.Id);
        Assert.Single(network.Writes);
    }

    [Fact]
    public async Task An_empty_read_waits_for_data()
    {
        var (near, far) = DuplexStream.CreatePair();
        await using var stream = new WebSocketStream(near, masks: false);
        var empty = stream.ReadAsync(Memory<byte>.Empty).AsTask();
        await Task.Delay(20);
        Assert.False(empty.IsCompleted);
        await far.WriteAsync(Convert.FromHexString("82026162"));
        Assert.Equal(0, await empty);

        var one = new byte[1];
        Assert.Equal(1, await stream.ReadAsync(one));
        Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty));
        Assert.Equal(1, await stream.ReadAsync(one));
        Assert.Equal((byte)'b', one[0]);
    }

    [Fact]
    public async Task Frames_are_written_and_read_without_allocating_buffers()
    {
        var loop = new MemoryStream(200_000);
        await using var writer = new WebSocketStream(loop, masks: true);
        await using var reader = new WebSocketStream(loop, masks: false);
        var (small, large, target) = (new byte[100], new byte[40_000], new byte[65536]);
        async Task CycleAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                loop.SetLength(0);
                await writer.WriteAsync(small);
                await writer.WriteAsync(large);
                loop.Position = 0;
                for (var got = 0; got < small.Length + large.Length;)
                    got += await reader.ReadAsync(target);
            }
        }

        await CycleAsync(50);
        var before = GC.GetAllocatedBytesForCurrentThread();
        await CycleAsync(1000);

        // Debug builds allocate an object for every async call; release builds allocate nothing.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000 * 1024);
    }

    [Theory]
    [MemberData(nameof(MaskedOrNot))]
    public async Task The_WebSocket_of_NET_interoperates_with_ours(bool weAreTheClient)
    {
        var (near, far) = DuplexStream.CreatePair();
        await using var ours = new WebSocketStream(near, masks: weAreTheClient);
        using var theirs = WebSocket.CreateFromStream(far, new WebSocketCreationOptions { IsServer = weAreTheClient });
        var random = new Random(7);
        foreach (var size in s_sizes.Where(size => size > 0))
        {
            var content = RandomBytes(random, size);
            var sending = theirs.SendAsync(content, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            var got = new byte[size];
            await ours.ReadExactlyAsync(got);
            await sending;
            Assert.Equal(content, got);

            var writing = ours.WriteAsync(content).AsTask();
            Array.Clear(got);
            for (var count = 0; count < size;)
            {
                var result = await theirs.ReceiveAsync(got.AsMemory(count), CancellationToken.None);
                Assert.Equal(WebSocketMessageType.Binary, result.MessageType);
                count += result.Count;
            }
            await writing;
            Assert.Equal(content, got);
        }

        var closing = theirs.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", CancellationToken.None);
        Assert.Equal(0, await ours.ReadAsync(new byte[1]));
        await closing;
        Assert.Equal(WebSocketCloseStatus.NormalClosure, theirs.CloseStatus);
    }

    /// <summary>Each packet is at the capture's offset, and decrypts to the capture's content.</summary>
    [Fact]
    public async Task An_invalid_frame_does_not_discard_the_payload_before_it()
    {
        // "abc", then a frame with reserved bits, in one piece.
        await using var stream = Open("8203616263" + "f200");
        var buffer = new byte[100];
        Assert.Equal(3, await stream.ReadAsync(buffer));
        Assert.Equal("abc"u8, buffer.AsSpan(0, 3));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await stream.ReadExactlyAsync(buffer));
    }

    private static void AssertPackets(Capture capture, string direction, byte[] payload)
    {
        var end = 0;
        foreach (var packet in capture.Packets.Where(packet => packet.GetProperty("dir").GetString() == direction))
        {
            Assert.Equal(end, packet.GetProperty("offset").GetInt32());
            var header = packet.GetProperty("header");
            Assert.Equal((byte)'P', payload[end]);
            Assert.Equal(header.GetProperty("flags").GetByte(), payload[end + 1]);
            var size = header.GetProperty("size").GetInt32();
            Assert.Equal(size, BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(end + 4)));
            var content = payload.AsSpan(end + 8, packet.GetProperty("wire_payload_size").GetInt32()).ToArray();
            end += 8 + content.Length;
            if (packet.GetProperty("encrypted").GetBoolean())
            {
                using var aes = Aes.Create();
                aes.Key = Convert.FromHexString(capture.Root.GetProperty("ciphers").EnumerateArray()
                    .First(cipher => cipher.GetProperty("direction").GetString() == direction).GetProperty("derived_key").GetString()!);
                content = aes.DecryptCbc(content.AsSpan(16), content.AsSpan(0, 16));
            }
            Assert.Equal(packet.GetProperty("plain_sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(content)));
        }
        Assert.Equal(payload.Length, end);
    }

    /// <summary>xpra's server sends one frame per packet, and so do we: the bytes are the same.</summary>
    private static async Task AssertFramedAsync(Capture capture, byte[] payload, byte[] frames)
    {
        var network = new ScriptedStream([]);
        await using var server = new WebSocketStream(network, masks: false);
        foreach (var packet in capture.Packets.Where(packet => packet.GetProperty("dir").GetString() == "s2c"))
            await server.WriteAsync(payload.AsMemory(packet.GetProperty("offset").GetInt32(), 8 + packet.GetProperty("wire_payload_size").GetInt32()));
        Assert.Equal(frames, network.Written.ToArray());
    }

    private static WebSocketStream Open(string hex, bool masks = false) => new(new ScriptedStream(Convert.FromHexString(hex)), masks);

    private static async Task<string> ReadTextAsync(string hex, bool masks = false)
    {
        await using var stream = Open(hex, masks);
        return Encoding.ASCII.GetString(await ReadAllAsync(stream));
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream, Random? random = null)
    {
        var all = new MemoryStream();
        var buffer = new byte[70_000];
        while (true)
        {
            var room = random is null ? buffer.Length : random.Next(4) == 0 ? random.Next(1, 10) : random.Next(1, buffer.Length);
            var count = await stream.ReadAsync(buffer.AsMemory(0, room));
            if (count == 0)
                return all.ToArray();
            all.Write(buffer, 0, count);
        }
    }

    private static byte[] RandomBytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
