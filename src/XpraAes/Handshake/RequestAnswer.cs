using XpraAes.Packets;

namespace XpraAes.Handshake;

/// <summary>A server's answer to a request.</summary>
/// <param name="Packet">The answer: a hello, disconnect or screenshot; the server's hello where it opened a session.</param>
/// <param name="Session">The session that the server opened before the request was sent; null where it answered.</param>
internal sealed record RequestAnswer(Packet Packet, HandshakeResult? Session);
