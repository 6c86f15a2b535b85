using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>A link without encryption, or over TLS 1.3.</summary>
internal sealed class StreamLink : ILink
{
    private readonly Stream _stream;

    private StreamLink(Stream stream)
    {
        _stream = stream;
        stream.Write(PlainPackets.ClientHello);
        if (!PlainPackets.Skip(stream))
            throw new InvalidOperationException("No hello came back.");
    }

    public static StreamLink InClear(Socket socket) => new(new NetworkStream(socket, ownsSocket: true));

    /// <summary>Over TLS, to a server with a self-signed certificate.</summary>
    public static StreamLink OverTls(Socket socket)
    {
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        tls.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = SslProtocols.Tls13,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
        });
        return new StreamLink(tls);
    }

    public void Send(byte[] packet) => _stream.Write(packet);

    public int Receive(Span<byte> buffer) => _stream.Read(buffer);

    public void Dispose() => _stream.Dispose();
}
