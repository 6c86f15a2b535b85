using Org.BouncyCastle.Tls;
using XpraAes.Keys;

namespace XpraAes.Transports;

/// <summary>The handshake of TLS 1.3 with a pre-shared key, by BouncyCastle; what follows it is <see cref="TlsPskStream"/>'s. No thread waits in it.</summary>
internal static class TlsPskHandshake
{
    /// <summary>The client's handshake.</summary>
    /// <exception cref="XpraAesException">KeyMismatch where the server does not take the key, TlsFailed, ConnectionLost.</exception>
    public static async Task<TlsPskStream> ConnectAsync(Stream inner, IReadOnlyList<XpraKey> keys, CancellationToken cancellationToken)
    {
        using var crypto = new PlatformTlsCrypto();
        var peer = new TlsPskClient(crypto, [.. keys.Select(key => (key, TlsPskSecrets.Of(key)))]);
        var protocol = new TlsClientProtocol();
        protocol.Connect(peer);
        return await RunAsync(inner, protocol, peer, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The server's handshake, with whichever of its keys the client names.</summary>
    /// <exception cref="XpraAesException">As <see cref="ConnectAsync"/>.</exception>
    public static async Task<TlsPskStream> AcceptAsync(Stream inner, IReadOnlyList<XpraKey> keys, CancellationToken cancellationToken)
    {
        using var crypto = new PlatformTlsCrypto();
        var peer = new TlsPskServer(crypto, [.. keys.Select(key => (key, TlsPskSecrets.Of(key)))]);
        var protocol = new TlsServerProtocol();
        protocol.Accept(peer);
        return await RunAsync(inner, protocol, peer, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Hands the protocol one record at a time, so that it never sees one that follows the handshake.</summary>
    private static async Task<TlsPskStream> RunAsync(Stream inner, TlsProtocol protocol, ITlsPskPeer peer, CancellationToken cancellationToken)
    {
        var input = TransitBuffers.Rent(TlsRecordProtection.MaxRecordSize);
        var (start, end) = (0, 0);
        try
        {
            while (true)
            {
                await SendOutputAsync(inner, protocol, cancellationToken).ConfigureAwait(false);
                if (protocol.IsConnected)
                    return new TlsPskStream(inner, peer.TakeAgreement(), input.AsSpan(start, end - start));
                var size = HandshakeRecordSize(input.AsSpan(start, end - start));
                if (size == 0 || size > end - start)
                {
                    input.AsSpan(start, end - start).CopyTo(input);
                    (start, end) = (0, end - start);
                    var count = await inner.ReadAsync(input.AsMemory(end), cancellationToken).ConfigureAwait(false);
                    if (count == 0)
                        throw new XpraAesException(XpraErrorId.ConnectionLost, "The peer closed the connection during the TLS handshake.");
                    end += count;
                    continue;
                }
                try
                {
                    protocol.OfferInput(input, start, size);
                }
                catch (IOException e)
                {
                    await SendOutputAsync(inner, protocol, cancellationToken).ConfigureAwait(false); // the alert
                    throw TlsFailure.Explain(e);
                }
                start += size;
            }
        }
        finally
        {
            TransitBuffers.Return(input);
        }
    }

    /// <summary>The size in bytes of the record that starts here, header included; 0 where its header is incomplete.</summary>
    private static int HandshakeRecordSize(ReadOnlySpan<byte> start)
    {
        if (start.Length < TlsRecordProtection.HeaderSize)
            return 0;
        var size = TlsRecordProtection.SizeIn(start);
        return start[0] is >= (byte)ContentType.change_cipher_spec and <= (byte)ContentType.application_data && start[1] == 3 && size <= TlsRecordProtection.MaxRecordSize
            ? size
            : throw TlsFailure.Explain(new TlsFatalAlert(AlertDescription.unexpected_message, "What came is no record of TLS."));
    }

    private static async Task SendOutputAsync(Stream inner, TlsProtocol protocol, CancellationToken cancellationToken)
    {
        var size = protocol.GetAvailableOutputBytes();
        if (size == 0)
            return;
        var output = new byte[size];
        protocol.ReadOutput(output, 0, size);
        await inner.WriteAsync(output, cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>What a handshake has agreed on.</summary>
/// <param name="Key">The key that both ends hold.</param>
/// <param name="Suite">The cipher suite's number.</param>
/// <param name="IsClient">Whether this is the client's end.</param>
/// <param name="Reading">Opens what the peer sends.</param>
/// <param name="Writing">Protects what is sent to it.</param>
internal sealed record TlsPskAgreement(XpraKey Key, int Suite, bool IsClient, TlsRecordProtection Reading, TlsRecordProtection Writing);

/// <summary>One end of a handshake.</summary>
internal interface ITlsPskPeer
{
    /// <summary>Takes what was agreed on out of the library's hands, once, after the handshake.</summary>
    TlsPskAgreement TakeAgreement();
}
