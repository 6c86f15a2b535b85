namespace XpraAes.Benchmarks.Traffic;

/// <summary>A client's way to the target: blocking calls, its hello already answered.</summary>
internal interface ILink : IDisposable
{
    /// <summary>Sends one packet, header included, that has been made in clear.</summary>
    void Send(byte[] packet);

    /// <summary>Receives some of what comes back and returns its bytes as they are in clear; 0 at the end.</summary>
    int Receive(Span<byte> buffer);
}
