namespace XpraAes;

/// <summary>A peer's bytes are not a valid packet. The only exception that parsing, padding checks, decompression and decoding throw for bad input.</summary>
public sealed class MalformedPacketException : XpraAesException
{
    /// <summary>Creates an exception with the id <see cref="XpraErrorId.MalformedPacket"/>, or a more exact one.</summary>
    public MalformedPacketException(string message, XpraErrorId id = XpraErrorId.MalformedPacket, Exception? innerException = null)
        : base(id, message, innerException: innerException)
    {
    }

    /// <summary>The one error for every encrypted packet with bad padding, compression or encoding, so that someone who altered it on the way learns nothing (no padding oracle).</summary>
    internal static MalformedPacketException Undecryptable(MalformedPacketException? cause = null)
        => new("A packet did not decrypt to anything sensible: the peer holds other key data, or it was changed on the way.", XpraErrorId.KeyMismatch, cause);

    /// <summary>This error as the peer may see it: errors in an encrypted packet's content are hidden; those in its plaintext header need not be.</summary>
    internal MalformedPacketException ForPeer(bool wasEncrypted)
        => wasEncrypted && Id == XpraErrorId.MalformedPacket ? Undecryptable(this) : this;
}
