namespace XpraAes.Ciphers;

/// <summary>The result of decrypting a packet.</summary>
public enum DecryptStatus
{
    /// <summary>The data is between <see cref="PacketDecryptor.DataOffset"/> and the payload size.</summary>
    Done,
    /// <summary>The padding is wrong: another key, or an altered packet. The connection cannot go on.</summary>
    WrongPadding,
    /// <summary>The peer turned out to pad to 32 bytes: append the packet's 16 remaining bytes and decrypt again.</summary>
    MoreNeeded,
}
