using XpraAes.Packets;

namespace XpraAes.Connections;

/// <summary>What runs on an established connection: a session of our own, or a relay to another server.</summary>
internal interface ISession : IAsyncDisposable
{
    /// <summary>The encrypted legs, the peer's first.</summary>
    IReadOnlyList<CipherLeg> Legs { get; }

    /// <summary>The connection to the peer, for its counters.</summary>
    PacketChannel Channel { get; }

    /// <summary>Called once, when the first packet from the peer has decrypted.</summary>
    Action? KeyProven { set; }

    /// <summary>Runs the session and returns the reason why it ended; an <see cref="XpraAesException"/> is a reason too.</summary>
    /// <param name="cancellationToken">Ends what is being sent, and what is waited for at the end. Reading only ends with it where <see cref="Abort"/> follows.</param>
    Task<string> RunAsync(CancellationToken cancellationToken);

    /// <summary>Sends a disconnect with a reason to each peer.</summary>
    Task SendDisconnectAsync(string reason, CancellationToken cancellationToken);

    /// <summary>Aborts pending reads and writes.</summary>
    void Abort();
}
