using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Packets;
using XpraAes.Transports;

namespace XpraAes.Connections;

/// <summary>One leg of a connection: its peer, ciphers and key. A gateway session has two.</summary>
internal sealed record CipherLeg(string Peer, string? PeerVersion, CipherParameters? Send, CipherParameters? Receive, KeySource? KeySource, string? KeyFingerprint, string? KeyPath, PacketReader Reader)
{
    /// <summary>The leg with this key; null for an unencrypted leg.</summary>
    public static CipherLeg Of(string peer, string? peerVersion, CipherParameters? send, CipherParameters? receive, XpraKey? key, PacketChannel channel)
        => new(peer, peerVersion, send, receive, key?.KeySource, key?.Fingerprint, key?.Path, channel.Reader) { Seal = channel.Seal, Transport = channel.Transport };

    /// <summary>What protects the leg below its packets; null where nothing does.</summary>
    public ISealedStream? Seal { get; init; }

    /// <summary>What carries the leg's packets.</summary>
    public TransportKind? Transport { get; init; }

    /// <summary>The peer's padding unit in bytes, as its packets have shown it; otherwise as negotiated.</summary>
    public int ReceivePaddingUnit => Reader.Decryptor?.PaddingUnit is { } unit and > 0 ? unit : Receive?.PaddingUnit ?? 0;
}
