namespace XpraAes.Transports;

/// <summary>A stream that can tell its peer that nothing more comes, and still be read. A <see cref="System.Net.Sockets.NetworkStream"/> does that by its socket.</summary>
internal interface IHalfClosable
{
    /// <summary>Ends the sending side.</summary>
    ValueTask CloseSendAsync(CancellationToken cancellationToken);
}
