using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Fuzz;
using XpraAes.Gateway;
using XpraAes.Packets;

namespace XpraAes.Tests.Reliability;

/// <summary>A gateway's relay between a client and a target that have both sent everything.</summary>
internal sealed class RelayedSession(SentSession client, SentSession target)
{
    /// <summary>Relays these bytes of both. Returns what arrived at each end, and whether it ended in order.</summary>
    public async Task<(byte[] ToTarget, byte[] ToClient, XpraAesException? End)> RunAsync(byte[] fromClient, byte[] fromTarget)
    {
        var (clientStream, targetStream) = (new PiecesStream(fromClient), new PiecesStream(fromTarget));
        var clientChannel = Open(clientStream, client, target);
        var targetChannel = Open(targetStream, target, client);
        targetChannel.TrustPeer();
        await using var relay = new RelaySession(
            clientChannel, CipherLeg.Of("client", null, target.Cipher, client.Cipher, null, clientChannel),
            targetChannel, CipherLeg.Of("target", null, client.Cipher, target.Cipher, null, targetChannel),
            toTarget: null, toClient: null, holdUntilProven: false, Limits.Default);
        XpraAesException? end = null;
        try
        {
            await relay.RunAsync(default).WaitAsync(SentSession.HelloTimeout);
        }
        catch (XpraAesException e)
        {
            end = e;
        }
        return (targetStream.Written.ToArray(), clientStream.Written.ToArray(), end);
    }

    /// <summary>The disconnect reason that the client gets; null if none.</summary>
    public string? LastWords(byte[] toClient)
        => target.Read(toClient).Packets is [.., var last] && last.Contains(Convert.ToHexString("disconnect"u8), StringComparison.Ordinal) ? last : null;

    // What one end sends is written again under the same cipher for the other end.
    private static PacketChannel Open(Stream stream, SentSession received, SentSession sent)
    {
        var channel = new PacketChannel(stream, Limits.Default) { Encoding = PacketEncoding.RencodePlus };
        channel.Reader.Arm(received.Decryptor());
        channel.Writer.Arm(sent.Encryptor());
        return channel;
    }
}
