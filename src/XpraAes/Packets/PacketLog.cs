using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes.Packets;

/// <summary>Logs packets: type, size and cipher, never the contents.</summary>
internal static class PacketLog
{
    /// <summary>A packet that is sent, with its size before encryption.</summary>
    public static void Sent(ILogger logger, LogLevel level, string peer, object? type, PacketEncoding encoding, int size, PacketEncryptor? encryptor)
    {
        if (!logger.IsEnabled(level))
            return;
        var cipher = encryptor is null ? "unencrypted" : Describe(encryptor.Parameters, encryptor.WireSize(size) - encryptor.PayloadSize(size));
        var (name, encoded) = (Name(type), encoding.ToString());
        Log.PacketSent(logger, level, peer, name, size, encoded, cipher);
    }

    /// <summary>A packet that was received and decoded.</summary>
    public static void Received(ILogger logger, LogLevel level, string peer, Packet packet, PacketDecryptor? decryptor)
    {
        if (!logger.IsEnabled(level))
            return;
        var header = packet.Header;
        var size = header.PayloadSize;
        var cipher = "unencrypted";
        if (header.IsEncrypted && decryptor is not null)
        {
            cipher = Describe(decryptor.Parameters, decryptor.WireSize(size) - size);
            size -= decryptor.DataOffset;
        }
        var (name, encoded, compression) = (Name(packet[0]), header.Encoding.ToString(), PacketCompression.Name(header.Compression));
        Log.PacketReceived(logger, level, peer, name, size, encoded, compression, cipher);
    }

    private static string Describe(CipherParameters parameters, int padding)
        => parameters.Mode == AesMode.CBC ? $"AES-CBC with {padding} bytes of padding" : $"AES-{parameters.Mode}";

    private static string Name(object? type) => type switch
    {
        string name => PeerIdentification.Sanitize(name),
        byte[] bytes => PeerIdentification.Sanitize(System.Text.Encoding.Latin1.GetString(bytes)),
        _ => $"#{type}",
    };
}
