namespace XpraAes.Packets;

/// <summary>What every decoder, the header, the chunk rules, the padding check and the decompressors throw, whatever the bytes.</summary>
public sealed class MalformedPacketException : XpraAesException
{
    /// <summary>Makes an exception of id <see cref="XpraErrorId.MalformedPacket"/>, or of a more exact one.</summary>
    public MalformedPacketException(string message, XpraErrorId id = XpraErrorId.MalformedPacket, Exception? innerException = null)
        : base(id, message, innerException: innerException)
    {
    }
}
