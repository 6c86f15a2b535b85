namespace XpraAes.Encodings;

/// <summary>How a packet's values are encoded. Each value is the flag in byte 1 of the packet header (PROTOCOL sections 1 and 2).</summary>
public enum PacketEncoding
{
    /// <summary>bencode: no flag; xpra 3.1 to 5.x.</summary>
    Bencode = 0,
    /// <summary>rencode: xpra 3.1 to 5.x.</summary>
    Rencode = 0x01,
    /// <summary>yaml: not supported here.</summary>
    Yaml = 0x04,
    /// <summary>rencodeplus: xpra 4.3 and later.</summary>
    RencodePlus = 0x10,
}
