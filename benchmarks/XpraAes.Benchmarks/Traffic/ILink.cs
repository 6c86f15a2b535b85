namespace XpraAes.Benchmarks.Traffic;

/// <summary>A client's connection to the target after the hello, with blocking calls.</summary>
internal interface ILink : IDisposable
{
    /// <summary>Sends one unencrypted packet, including its header.</summary>
    void Send(byte[] packet);

    /// <summary>Receives some data and returns its size in bytes when unencrypted; 0 at the end.</summary>
    int Receive(Span<byte> buffer);
}
