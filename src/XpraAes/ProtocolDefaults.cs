using XpraAes.Ciphers;

namespace XpraAes;

/// <summary>The values that xpra's protocol fixes or that we announce, each with its source. XpraAes's own limits are in <see cref="Limits"/>.</summary>
public static class ProtocolDefaults
{
    /// <summary>Size of a packet header in bytes (PROTOCOL section 1).</summary>
    public const int HeaderSize = 8;

    /// <summary>Size in bytes of an AES block, and of every IV (PROTOCOL section 5).</summary>
    public const int BlockSize = 16;

    /// <summary>Size in bytes of the salt that we announce: 64, as every xpra version does (PROTOCOL section 5).</summary>
    public const int SaltSize = 64;

    /// <summary>AES key size in bytes that we announce: 32, the only one in every version (PROTOCOL section 0).</summary>
    public const int KeySize = 32;

    /// <summary>The PBKDF2 hash that we announce: SHA1, the only one in every version (PROTOCOL section 0).</summary>
    public const KeyHash KeyHash = Ciphers.KeyHash.SHA1;

    /// <summary>The PBKDF2 iterations that we announce: 10,000, the most that every version accepts (PROTOCOL section 12).</summary>
    public const int Iterations = 10_000;

    /// <summary>The fewest PBKDF2 iterations that any version accepts (PROTOCOL section 0).</summary>
    public const int MinIterations = 100;

    /// <summary>The most PBKDF2 iterations that any version accepts (PROTOCOL section 0).</summary>
    public const int MaxIterations = 1_000_000;

    /// <summary>The largest payload that a header may announce: 256 MiB; more is fatal at once (PROTOCOL section 1).</summary>
    public const int MaxHeaderPayload = 256 * 1024 * 1024;

    /// <summary>The payload size that xpra accepts by default: 16 MiB (PROTOCOL section 1).</summary>
    public const int MaxPacketSize = 16 * 1024 * 1024;

    /// <summary>Chunk indexes run from 1 to 15 (PROTOCOL section 1).</summary>
    public const int MaxChunkIndex = 15;

    /// <summary>The most chunks that may wait for their main packet (PROTOCOL section 1).</summary>
    public const int MaxPendingChunks = 3;

    /// <summary>The IV of an encrypted first packet: sixteen ASCII zeros (PROTOCOL section 6, XPRA_ENCRYPT_FIRST_PACKET).</summary>
    public static ReadOnlySpan<byte> FirstPacketIV => "0000000000000000"u8;

    /// <summary>The salt of an encrypted first packet: sixteen ASCII zeros (PROTOCOL section 6, XPRA_ENCRYPT_FIRST_PACKET).</summary>
    public static ReadOnlySpan<byte> FirstPacketSalt => "0000000000000000"u8;

    /// <summary>The version in our hellos: recent enough for every peer (they require 3.0), and of the first generation with everything that we support (PROTOCOL sections 0 and 4).</summary>
    public const string AnnouncedVersion = "6.2.5";

    /// <summary>xpra's registered TCP port.</summary>
    public const int Port = 14500;
}
