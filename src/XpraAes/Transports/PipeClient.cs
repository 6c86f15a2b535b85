using System.IO.Pipes;

namespace XpraAes.Transports;

/// <summary>A client on a named pipe, which carries xpra's packets as they are.</summary>
internal sealed class PipeClient(NamedPipeServerStream pipe) : AcceptedClient
{
    public override string Peer => "local pipe";

    public override Stream Stream => pipe;

    public override Task<Stream?> AcceptAsync(AcceptOptions options, CancellationToken cancellationToken) => Task.FromResult<Stream?>(pipe);

    public override void Dispose() => pipe.Dispose();
}
