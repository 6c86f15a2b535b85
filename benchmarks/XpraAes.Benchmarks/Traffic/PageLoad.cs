using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace XpraAes.Benchmarks.Traffic;

/// <summary>Browsers that fetch a folder's files again and again, each on one connection over TLS 1.3 that is kept open.</summary>
internal static class PageLoad
{
    /// <summary>MB of content a second, of all connections together.</summary>
    public static double Run(int port, string[] paths, int connections, TimeSpan time)
    {
        var stopping = false;
        long bytes = 0;
        Exception? failure = null;
        var threads = Enumerable.Range(0, connections).Select(i => new Thread(() =>
        {
            try
            {
                using var stream = Connect(port);
                var buffer = new byte[256 * 1024];
                // They begin with different files, so that none of them is asked for by all at once.
                for (var next = i * paths.Length / connections; !Volatile.Read(ref stopping); next++)
                    Interlocked.Add(ref bytes, Get(stream, port, paths[next % paths.Length], buffer));
            }
            catch (Exception e)
            {
                failure = e;
            }
        })).ToArray();
        var start = Stopwatch.GetTimestamp();
        foreach (var thread in threads)
            thread.Start();
        Thread.Sleep(time);
        var sum = Interlocked.Read(ref bytes);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Volatile.Write(ref stopping, true);
        foreach (var thread in threads)
            thread.Join();
        return failure is null ? sum / 1e6 / seconds : throw new InvalidOperationException("The pages could not be read.", failure);
    }

    private static SslStream Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        tls.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = SslProtocols.Tls13,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
        });
        return tls;
    }

    private static int Get(SslStream stream, int port, string path, byte[] buffer)
    {
        stream.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")));
        var length = 0;
        int end;
        while ((end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0)
            length += Read(buffer.AsSpan(length));
        var head = Encoding.ASCII.GetString(buffer, 0, end);
        if (!head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
            throw new InvalidDataException($"{path}: {head.Split('\r')[0]}");
        const string Field = "content-length: ";
        var size = int.Parse(head[(head.IndexOf(Field, StringComparison.OrdinalIgnoreCase) + Field.Length)..].Split('\r')[0], CultureInfo.InvariantCulture);
        for (var missing = size - (length - end - 4); missing > 0;)
            missing -= Read(buffer.AsSpan(0, Math.Min(missing, buffer.Length)));
        return size;

        int Read(Span<byte> into) => stream.Read(into) is var count and > 0 ? count : throw new EndOfStreamException();
    }
}
