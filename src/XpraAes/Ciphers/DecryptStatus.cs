namespace XpraAes.Ciphers;

/// <summary>What became of a packet that was to be decrypted.</summary>
public enum DecryptStatus
{
    /// <summary>The data stands between <see cref="PacketDecryptor.DataOffset"/> and the payload size.</summary>
    Done,
    /// <summary>The padding is not what it must be: another key, or a changed packet. The connection is over.</summary>
    WrongPadding,
    /// <summary>The peer turned out to pad to 32 bytes: 16 more belong to this packet. Read them behind the others and decrypt again.</summary>
    MoreNeeded,
}
