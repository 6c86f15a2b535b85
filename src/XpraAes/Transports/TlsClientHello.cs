using System.Buffers.Binary;
using Org.BouncyCastle.Tls;
using XpraAes.Keys;

namespace XpraAes.Transports;

/// <summary>The first message of a TLS client, read before it is answered: it says whether the client comes with a pre-shared key or wants a certificate.</summary>
internal sealed class TlsClientHello
{
    /// <summary>Largest ClientHello in bytes, its records' headers included; arbitrary, browsers send under 3 KB.</summary>
    public const int MaxSize = 16 * 1024;

    private const int MessageHeaderSize = 4;

    private TlsClientHello(ReadOnlyMemory<byte> bytes, bool asksForPreSharedKey)
    {
        Bytes = bytes;
        AsksForPreSharedKey = asksForPreSharedKey;
    }

    /// <summary>All that was read, to be given to what answers it.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>
    /// Whether the client means a key that both ends have beforehand (docs/sealed.md). It does if it can take nothing else, having named no
    /// signature algorithms for a certificate; if an identity is one of ours; and if one has an age of 0, as only those of external keys have
    /// (RFC 8446 section 4.2.11). Browsers' identities are the tickets of earlier sessions, which have an age.
    /// </summary>
    public bool AsksForPreSharedKey { get; }

    /// <summary>Reads the records of the client's hello and no more. <paramref name="cancellationToken"/> carries the timeout.</summary>
    /// <exception cref="XpraAesException">TlsFailed if it is malformed or larger than <see cref="MaxSize"/>, ConnectionLost.</exception>
    public static async Task<TlsClientHello> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new byte[MaxSize];
        var message = new MemoryStream();
        var length = 0;
        try
        {
            do
            {
                var header = await ReadAsync(TlsRecordProtection.HeaderSize).ConfigureAwait(false);
                var size = BinaryPrimitives.ReadUInt16BigEndian(header.Span[3..]);
                if (header.Span[0] != ContentType.handshake || header.Span[1] != 3 || size == 0)
                    throw Malformed();
                message.Write((await ReadAsync(size).ConfigureAwait(false)).Span);
            }
            while (message.Length < MessageHeaderSize || message.Length < MessageHeaderSize + MessageSize(message));
        }
        catch (EndOfStreamException e)
        {
            throw new XpraAesException(XpraErrorId.ConnectionLost, "The client closed the connection during the TLS handshake.", innerException: e);
        }
        return new TlsClientHello(bytes.AsMemory(0, length), WantsPreSharedKey(message));

        async ValueTask<ReadOnlyMemory<byte>> ReadAsync(int count)
        {
            if (count > MaxSize - length)
                throw Malformed();
            var part = bytes.AsMemory(length, count);
            await stream.ReadExactlyAsync(part, cancellationToken).ConfigureAwait(false);
            length += count;
            return part;
        }
    }

    private static int MessageSize(MemoryStream message) => BinaryPrimitives.ReadInt32BigEndian(message.GetBuffer()) & 0xffffff;

    private static bool WantsPreSharedKey(MemoryStream message)
    {
        var body = new MemoryStream(message.GetBuffer(), MessageHeaderSize, MessageSize(message));
        if (message.GetBuffer()[0] != HandshakeType.client_hello)
            throw Malformed();
        try
        {
            if (ClientHello.Parse(body, null).Extensions is not { } extensions || TlsExtensionsUtilities.GetPreSharedKeyClientHello(extensions) is not { } offered)
                return false;
            return !extensions.ContainsKey(ExtensionType.signature_algorithms)
                || offered.Identities.Any(identity => identity.ObfuscatedTicketAge == 0 || identity.Identity.AsSpan().StartsWith(TlsPskSecrets.IdentityPrefix));
        }
        catch (IOException e)
        {
            throw Malformed(e);
        }
    }

    private static XpraAesException Malformed(Exception? inner = null)
        => new(XpraErrorId.TlsFailed, $"The client's TLS hello is malformed, or larger than {MaxSize / 1024} KB.", innerException: inner);
}
