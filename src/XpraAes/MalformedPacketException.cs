namespace XpraAes;

/// <summary>What every decoder, the header, the chunk rules, the padding check and the decompressors throw, whatever the bytes.</summary>
public sealed class MalformedPacketException : XpraAesException
{
    /// <summary>Makes an exception of id <see cref="XpraErrorId.MalformedPacket"/>, or of a more exact one.</summary>
    public MalformedPacketException(string message, XpraErrorId id = XpraErrorId.MalformedPacket, Exception? innerException = null)
        : base(id, message, innerException: innerException)
    {
    }

    /// <summary>What becomes of every encrypted packet that makes no sense, be it its padding, its compression or its encoding: one id and one message, so that whoever changed it on the way learns nothing from what follows.</summary>
    internal static MalformedPacketException Undecryptable(MalformedPacketException? cause = null)
        => new("A packet did not decrypt to anything sensible: the peer holds other key data, or it was changed on the way.", XpraErrorId.KeyMismatch, cause);

    /// <summary>This failure as others may see it. What stands in a packet's header, in plaintext, needs no hiding.</summary>
    internal MalformedPacketException ForPeer(bool wasEncrypted)
        => wasEncrypted && Id == XpraErrorId.MalformedPacket ? Undecryptable(this) : this;
}
