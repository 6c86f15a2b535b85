using XpraAes.Packets;

namespace XpraAes.Connections;

/// <summary>What goes on inside a standing connection: an endpoint of our own, or a relay to another program.</summary>
internal interface ISession : IAsyncDisposable
{
    /// <summary>The encrypted legs, the peer's first.</summary>
    IReadOnlyList<CipherLeg> Legs { get; }

    /// <summary>The connection to the peer, for its counters.</summary>
    PacketChannel Channel { get; }

    /// <summary>Called once, when the peer's first packet has decrypted.</summary>
    Action? KeyProven { set; }

    /// <summary>Moves packets until the session ends, and returns why it did. Exceptions of <see cref="XpraAesException"/> are reasons too.</summary>
    Task<string> RunAsync(CancellationToken ending);

    /// <summary>Tells whoever is at the other end that it is over.</summary>
    Task SendDisconnectAsync(string reason, CancellationToken cancellationToken);

    /// <summary>Ends pending reads and writes at once.</summary>
    void Abort();
}
