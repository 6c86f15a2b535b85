using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Logging;

namespace XpraAes.Handshake;

/// <summary>Logs the negotiated ciphers, without salts, IVs and keys.</summary>
internal static class CipherLog
{
    /// <summary>The cipher for packets from the peer.</summary>
    public static void Announced(ILogger logger, string peer, CipherParameters receive)
        => Log.AnnouncedCipher(logger, peer, receive.Mode.ToString(), receive.KeySize * 8, receive.KeyHash.ToString(), receive.Iterations, PaddingOf(receive), receive.Stream);

    /// <summary>The cipher for packets to the peer.</summary>
    public static void Accepted(ILogger logger, string peer, CipherParameters send)
        => Log.AcceptedCipher(logger, peer, send.Mode.ToString(), send.KeySize * 8, send.KeyHash.ToString(), send.Iterations, PaddingOf(send), send.Stream);

    /// <summary>The first packet was encrypted, as XPRA_ENCRYPT_FIRST_PACKET asks for.</summary>
    public static void FirstPacketEncrypted(ILogger logger, string peer, CipherParameters cipher)
        => Log.FirstPacketEncrypted(logger, peer, cipher.Mode.ToString(), cipher.Iterations, PaddingOf(cipher));

    private static string PaddingOf(CipherParameters parameters) => parameters.Mode != AesMode.CBC
        ? "no padding"
        : $"{CipherNames.PaddingName(parameters.Padding)} padding to {(parameters.PaddingUnit == 0 ? "16 or 32" : parameters.PaddingUnit)} bytes";
}
