using System.Net.Sockets;
using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Attacks;

/// <summary>The hello of a client without the key that chooses its cipher capabilities freely, and the reply to it.</summary>
internal sealed record UnauthenticatedHello(byte[] Salt)
{
    public AesMode Mode { get; init; } = AesMode.CTR;

    public string IV { get; init; } = "ABCDEFGHIJKLMNOP";

    public int Iterations { get; init; } = 1_000;

    public int KeySize { get; init; } = 32;

    public string KeyHash { get; init; } = "SHA1";

    /// <summary>Flat capabilities, <c>cipher.…</c>, as up to 5.1, instead of <c>encryption</c>.</summary>
    public bool IsFlat { get; init; }

    /// <summary>The salt as text with one character per byte, as the browser client and bencode may write it.</summary>
    public bool SaltIsText { get; init; }

    public bool? Stream { get; init; } = true;

    public PacketEncoding Encoding { get; init; } = PacketEncoding.RencodePlus;

    public bool OverWebSocket { get; init; }

    public (string Name, object? Value)[] More { get; init; } = [];

    /// <summary>Patches the encoded packet, into something that a dictionary cannot express.</summary>
    public Func<byte[], byte[]> Patch { get; init; } = bytes => bytes;

    /// <summary>A salt of 64 random bytes below 128, which is the same as text and as bytes.</summary>
    public static byte[] NewSalt() => [.. Enumerable.Range(0, 64).Select(_ => (byte)Random.Shared.Next(1, 128))];

    public XpraDictionary ToHello()
    {
        var hello = new XpraDictionary
        {
            ["version"] = "6.2.5",
            ["uuid"] = "0123456789abcdef",
            ["ui_client"] = false,
            ["windows"] = false,
            ["ping"] = true,
            ["rencodeplus"] = true,
            ["digest"] = new object?[] { "hmac+sha512" },
            ["salt-digest"] = new object?[] { "hmac+sha512" },
        };
        var capabilities = new XpraDictionary
        {
            ["cipher"] = "AES",
            ["mode"] = $"{Mode}",
            ["iv"] = IV,
            ["key_salt"] = SaltIsText ? System.Text.Encoding.Latin1.GetString(Salt) : Salt,
            ["key_size"] = (long)KeySize,
            ["key_hash"] = KeyHash,
            ["key_stretch"] = "PBKDF2",
            ["key_stretch_iterations"] = (long)Iterations,
            ["padding"] = "PKCS#7",
            ["padding.options"] = new object?[] { "PKCS#7" },
        };
        if (Stream is { } stream)
            capabilities["stream"] = stream;
        if (IsFlat)
        {
            foreach (var (name, value) in capabilities)
                hello[(string)name == "cipher" ? "cipher" : $"cipher.{name}"] = value;
        }
        else
        {
            hello["encryption"] = capabilities;
        }
        foreach (var (name, value) in More)
            hello[name] = value;
        return hello;
    }

    /// <summary>Sends the hello from this address and reads the first packet; if that is encrypted, also the packets of the next <paramref name="listen"/>, otherwise everything until the other side closes.</summary>
    public async Task<Reply> SendAsync(string endpoint, string? source = null, TimeSpan? listen = null)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (source is not null)
            socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Parse(source), 0));
        await socket.ConnectAsync(System.Net.IPEndPoint.Parse(endpoint));
        Stream stream = new NetworkStream(socket);
        if (OverWebSocket)
            stream = await WebSocketUpgrade.ConnectAsync(stream, "127.0.0.1", 1, "/", default);
        await stream.WriteAsync(Patch(Frame(Encoding, ["hello", ToHello()])));
        return await ReadReplyAsync(stream, listen ?? TimeSpan.Zero);
    }

    public static byte[] Frame(PacketEncoding encoding, object?[] packet)
    {
        var data = PacketCodec.Encode(encoding, packet);
        var frame = new byte[PacketHeader.Size + data.Length];
        new PacketHeader((byte)encoding, 0, 0, data.Length).Write(frame);
        data.CopyTo(frame, PacketHeader.Size);
        return frame;
    }

    private static async Task<Reply> ReadReplyAsync(Stream stream, TimeSpan listen)
    {
        var reply = new Reply();
        using var timeout = new CancellationTokenSource(Loopback.HelloTimeout);
        try
        {
            await ReadPacketAsync(stream, reply, timeout.Token);
            // A refused client is disconnected at once: wait for that.
            if (listen > TimeSpan.Zero && reply.EncryptedBytes > 0)
                timeout.CancelAfter(listen);
            else if (reply.EncryptedBytes > 0)
                return reply;
            while (true)
                await ReadPacketAsync(stream, reply, timeout.Token);
        }
        catch (Exception e) when (e is EndOfStreamException or IOException or SocketException)
        {
            // Closed.
        }
        catch (OperationCanceledException) when (reply.EncryptedBytes > 0)
        {
            // The listening time is over.
        }
        return reply;
    }

    private static async Task ReadPacketAsync(Stream stream, Reply reply, CancellationToken cancellationToken)
    {
        var head = new byte[PacketHeader.Size];
        await stream.ReadExactlyAsync(head, cancellationToken);
        var header = PacketHeader.Parse(head);
        var payload = new byte[header.PayloadSize];
        await stream.ReadExactlyAsync(payload, cancellationToken);
        reply.Packets++;
        if (header.IsEncrypted)
            reply.Encrypted.Write(payload);
        else
            reply.Plaintext += System.Text.Encoding.Latin1.GetString(payload);
    }

    /// <summary>The reply: the number of packets, and encrypted and plaintext bytes.</summary>
    internal sealed class Reply
    {
        public int Packets { get; set; }

        public MemoryStream Encrypted { get; } = new();

        public string Plaintext { get; set; } = "";

        public int EncryptedBytes => (int)Encrypted.Length;

        /// <summary>Whether it is exactly the fixed plaintext refusal.</summary>
        public bool IsFixedText => EncryptedBytes == 0 && Packets == 1 && Plaintext.Contains(Refusals.ForUnproven, StringComparison.Ordinal);
    }
}
