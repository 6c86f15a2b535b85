using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Diagnostics;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Fuzz.Targets;

/// <summary>What decrypts under a key, or looks for the key that does: packets of a peer that may not have it.</summary>
internal static class KeyTargets
{
    private const int MaxSize = 16 * 1024;

    private static readonly Limits s_limits = new() { FirstPacketSize = MaxSize, PacketSize = MaxSize, FirstPacketDecompressedSize = 4 * MaxSize, DecompressedSize = 4 * MaxSize, MinIterations = ProtocolDefaults.MinIterations };

    private static readonly XpraKey[] s_keys = [HandshakeTargets.Key, XpraKey.FromText("another key of theirs")];

    /// <summary>The key of a first packet that is encrypted, and of a server's answer, among several: none is taken for a packet that makes no sense under it. The first byte chooses mode and way, and whether the peer has one of the keys.</summary>
    public static void Several(byte[] input)
    {
        if (input.Length < 2)
            return;
        var mode = (AesMode)(input[0] % 4);
        var isFirst = (input[0] & 4) != 0;
        var parameters = isFirst ? FirstPacket.Variants[0].Parameters(mode) : PacketTargets.Ciphers[1]! with { Mode = mode, Iterations = ProtocolDefaults.MinIterations, PaddingUnit = 16 };
        var content = Sealed(input, parameters);
        var channel = new PacketChannel(new PiecesStream(content, input[1]), s_limits);
        try
        {
            var found = isFirst
                ? FirstPacket.DetectAsync(channel.Reader, s_keys, [mode], s_limits, HandshakeTargets.Derivations, default).GetAwaiter().GetResult()
                : KeyTrial.FindAsync(channel, s_keys, parameters, s_limits, default).GetAwaiter().GetResult() is { } key ? (key, parameters) : null;
            if (found is not { } match)
                return;
            channel.Reader.Arm(SessionCiphers.CreateDecryptor(match.Key, match.Parameters));
            // A chunk is kept for a packet that follows, and here none does.
            var packet = channel.ReceiveAsync(default).AsTask().GetAwaiter().GetResult();
            Expect.That(packet is { HasName: true } || content is [_, _, _, not 0, ..], "A key is found for something that is no packet.");
        }
        finally
        {
            channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>A client's encrypted handshake with whatever a server says. The first byte chooses the mode, and whether the server has the key.</summary>
    public static void Client(byte[] input)
    {
        if (input.Length < 2)
            return;
        SaltMemory.Of(s_keys[0]).Clear(); // seeds come again and again
        var server = new AnsweringStream(hello => Sealed(input, CipherCapabilities.Read(hello)!.Parameters));
        var channel = new PacketChannel(server, s_limits);
        try
        {
            var handshake = new ClientHandshake(channel, new ClientHandshakeOptions
            {
                Cipher = new ClientCipherOptions { Keys = [s_keys[0]], Mode = (AesMode)(input[0] % 4), Iterations = ProtocolDefaults.MinIterations },
                UserName = "user",
                Password = null,
                Uuid = "0",
                Timeout = TimeSpan.FromMinutes(1),
            }, s_limits, NullLogger.Instance);
            var result = handshake.RunAsync(default).GetAwaiter().GetResult();
            Expect.That(HasKey(input), "A server without the key is taken for one that has it.");
            Expect.That(result.Send is { Salt.Length: >= 16 } send && send.Mode == (AesMode)(input[0] % 4), "It encrypts as the server likes.");
        }
        finally
        {
            channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>How a server's answer is encrypted, found out offline: what is found decrypts to a packet.</summary>
    public static void Reply(byte[] input)
    {
        if (input.Length < 2)
            return;
        var asked = PacketTargets.Ciphers[1]! with { Iterations = ProtocolDefaults.MinIterations, PaddingUnit = 16 };
        var content = Sealed(input, asked with { Mode = (AesMode)(input[0] % 4) });
        var channel = new PacketChannel(new PiecesStream(content, input[1]), s_limits);
        try
        {
            var reply = EncryptedReply.ReadAsync(channel, s_keys, null, asked, s_limits, default).GetAwaiter().GetResult();
            Expect.That(reply?.Found is null || !reply.IsAsRequested || reply.Found.Mode == asked.Mode, "Another mode is taken for the one that was asked for.");
        }
        finally
        {
            channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static bool HasKey(byte[] input) => input[0] < 0xc0;

    /// <summary>What a peer that has the key makes of the input, which is packets in clear; one that has not sends it as it is.</summary>
    private static byte[] Sealed(byte[] input, CipherParameters parameters)
    {
        if (!HasKey(input))
            return input[2..];
        var stream = new MemoryStream();
        using var writer = new PacketWriter(stream);
        writer.Arm(SessionCiphers.CreateEncryptor(s_keys[0], parameters with { PaddingUnit = parameters.PaddingUnit == 0 ? 32 : parameters.PaddingUnit }));
        var rest = input.AsSpan(2);
        try
        {
            while (rest.Length > PacketHeader.Size && PacketHeader.Parse(rest) is var header)
            {
                var size = Math.Min(header.PayloadSize, rest.Length - PacketHeader.Size);
                writer.Append(header.Flags, header.Compression, header.ChunkIndex, rest.Slice(PacketHeader.Size, size));
                rest = rest[(PacketHeader.Size + size)..];
            }
        }
        catch (MalformedPacketException)
        {
            // What follows is no packet: nothing follows.
        }
        writer.FlushAsync(default).AsTask().GetAwaiter().GetResult();
        return stream.ToArray();
    }

    /// <summary>A server that answers the hello that it is sent.</summary>
    private sealed class AnsweringStream(Func<XpraDictionary, byte[]> answer) : PeerStream
    {
        private readonly MemoryStream _written = new();
        private PiecesStream? _answer;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _answer ??= new PiecesStream(answer(Hello()));
            return _answer.ReadAsync(buffer, cancellationToken);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _written.Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        private XpraDictionary Hello()
        {
            var channel = new PacketChannel(new PiecesStream(_written.ToArray()), new Limits());
            return channel.ReceiveAsync(default).AsTask().GetAwaiter().GetResult()!.Dictionary(1)!;
        }
    }
}
