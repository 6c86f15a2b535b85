using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Packets;

namespace XpraAes.Fuzz.Targets;

/// <summary>What an unauthenticated client's hello goes through, and whole handshakes of both sides.</summary>
internal static class HandshakeTargets
{
    private static readonly Limits s_limits = new()
    {
        FirstPacketSize = 16 * 1024,
        PacketSize = 16 * 1024,
        FirstPacketDecompressedSize = 64 * 1024,
        DecompressedSize = 64 * 1024,
        AuthenticationDelay = TimeSpan.Zero,
        MinIterations = ProtocolDefaults.MinIterations,
        // A run is to be thousands of handshakes, not one derivation.
        MaxIterations = 1_000,
    };

    /// <summary>The key of every listener here, and of every client that has it.</summary>
    internal static XpraKey Key { get; } = XpraKey.FromText("a key that fuzzers use");

    private static readonly SecretBuffer s_password = new("password"u8);
    internal static DerivationGate.Entrance Derivations { get; } = new DerivationGate(1).For(IPAddress.Loopback);

    /// <summary>The capabilities of a hello, in rencodeplus: what is read from them is in bounds, and is read the same after it was written.</summary>
    public static void Hello(byte[] input)
    {
        if (PacketCodec.Decode(PacketEncoding.RencodePlus, input, new DecodeLimits(s_limits.EncodingDepth, s_limits.FirstPacketItems)) is not XpraDictionary hello)
            return;
        _ = HelloRequest.Read(hello);
        _ = XpraAes.Handshake.Hello.VersionOf(hello);
        _ = XpraAes.Handshake.Hello.ChooseEncoding(hello, PacketEncoding.Rencode);
        var announced = CipherCapabilities.Read(hello);
        if (announced is not null)
            CheckCapabilities(announced);
        var authenticator = new Authenticator("user", s_password);
        _ = authenticator.CreateChallenge(hello);
        Expect.That(!authenticator.Verify(hello), "A response passes that was made before the challenge.");
    }

    /// <summary>A listener's handshake with whatever a client says. Bits of the first byte choose a password, and, seldom since it costs a derivation, a key.</summary>
    public static void Listener(byte[] input)
    {
        if (input.Length < 2)
            return;
        var hasKey = input[0] >= 0xf0;
        if (hasKey)
            SaltMemory.Of(Key).Clear(); // the salts of the seeds come again and again
        var stream = new PiecesStream(input.AsMemory(2), input[1]);
        var channel = new PacketChannel(stream, s_limits);
        try
        {
            var handshake = new ServerHandshake(channel, new ServerHandshakeOptions
            {
                Keys = hasKey ? [Key] : [],
                Modes = (input[0] & 4) == 0 ? Enum.GetValues<AesMode>() : [AesMode.CTR],
                Iterations = ProtocolDefaults.MinIterations,
                EncryptFirstPacket = hasKey && (input[0] & 8) != 0,
                Password = (input[0] & 1) == 0 ? null : s_password,
                Refuse = (request, hello, _, _) => Responder.Refuse(request, hello),
                Limits = s_limits,
                HelloTimeout = s_limits.HandshakeTimeout,
                Derivations = Derivations,
            }, NullLogger.Instance);
            var client = handshake.RunAsync(default).GetAwaiter().GetResult();
            Expect.That(!client.KeyProven, "A client without the key has proven it.");
            Expect.That(!hasKey || client.Send is not null && channel.Writer.Encryptor is not null, "A client gets its answer in clear.");
        }
        finally
        {
            CheckSaid(stream.Written.ToArray(), hasKey);
            channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>A client's handshake in clear with whatever a server says, with a password where the first byte is odd.</summary>
    public static void Connector(byte[] input)
    {
        if (input.Length < 2)
            return;
        var stream = new PiecesStream(input.AsMemory(2), input[1]);
        var channel = new PacketChannel(stream, s_limits);
        try
        {
            var handshake = new ClientHandshake(channel, new ClientHandshakeOptions
            {
                Cipher = null,
                UserName = "user",
                Password = (input[0] & 1) == 0 ? null : s_password,
                Uuid = "0",
                Timeout = TimeSpan.FromMinutes(1),
            }, s_limits, NullLogger.Instance);
            _ = handshake.RunAsync(default).GetAwaiter().GetResult();
        }
        catch (XpraAesException e) when (e.Id == XpraErrorId.AuthenticationRequired)
        {
            Expect.That((input[0] & 1) == 0, "A password was given.");
        }
        finally
        {
            Expect.That(stream.Written.ToArray().AsSpan().IndexOf("password"u8) < 0, "The password goes out as it is.");
            channel.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>A standing session with whatever a peer says: it answers pings and ends.</summary>
    public static void Session(byte[] input)
    {
        if (input.Length < 2)
            return;
        var stream = new PiecesStream(input.AsMemory(2), input[1]);
        var channel = new PacketChannel(stream, s_limits);
        var leg = CipherLeg.Of("peer", null, null, null, null, channel);
        var session = new EndpointSession(channel, leg, [], isClient: input[0] % 2 == 1, s_limits, () => new XpraDictionary { ["info"] = true });
        try
        {
            _ = session.RunAsync(default).GetAwaiter().GetResult();
        }
        finally
        {
            session.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static void CheckCapabilities(CipherCapabilities announced)
    {
        var parameters = announced.Parameters;
        Expect.That(parameters is { KeySize: 16 or 24 or 32, IV.Length: ProtocolDefaults.BlockSize, Salt.Length: > 0, PaddingUnit: 16 or 32 }
            and { Iterations: >= ProtocolDefaults.MinIterations and <= ProtocolDefaults.MaxIterations }, "Cipher capabilities are out of their bounds.");
        var written = new XpraDictionary();
        CipherCapabilities.Write(written, parameters, announced.HasStream ? parameters.Stream : null);
        var again = CipherCapabilities.Read(written)!.Parameters;
        Expect.Same(Describe(parameters), Describe(again), "Cipher capabilities are read in another way than they were written");
        CipherCapabilities.Remove(written);
        Expect.That(written.Count == 0, "Cipher capabilities are left.");
    }

    /// <summary>With a key, an unauthenticated client gets no plaintext but the one fixed refusal.</summary>
    private static void CheckSaid(byte[] said, bool hasKey)
    {
        if (!hasKey || said.Length == 0)
            return;
        if (PacketHeader.Parse(said).IsEncrypted)
            return;
        var channel = new PacketChannel(new PiecesStream(said), s_limits);
        var packet = channel.ReceiveAsync(default).AsTask().GetAwaiter().GetResult();
        Expect.That(packet is { Type: XpraAes.Handshake.Hello.DisconnectType } && packet.Items.Length == 2 && packet.Text(1) == Refusals.ForUnproven, "An unauthenticated client got plaintext.");
    }

    private static string Describe(CipherParameters parameters)
        => $"{parameters.Mode} {parameters.KeySize} {parameters.KeyHash} {parameters.Iterations} {parameters.Padding} {parameters.Stream} {Convert.ToHexString(parameters.IV.Span)} {Convert.ToHexString(parameters.Salt.Span)}";
}
