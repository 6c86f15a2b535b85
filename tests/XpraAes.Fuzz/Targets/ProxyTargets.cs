using System.Text;
using XpraAes.Transports;

namespace XpraAes.Fuzz.Targets;

/// <summary>The PROXY header of a trusted source, which may pass on a stranger's bytes instead.</summary>
internal static class ProxyTargets
{
    /// <summary>The same wherever the network cuts it; nothing is lost that is no header, and nothing after a header is read.</summary>
    public static void Header(byte[] input)
    {
        var whole = Outcome(input, 0);
        Expect.Same(whole, Outcome(input, input.Length + 1), "The same bytes in pieces are something else");
        // What a header says is the same when it is sent on.
        if (Read(input, 0).Header is { Source: { } source, Destination: { } destination } header && source.AddressFamily == destination.AddressFamily)
            Expect.That(Read(header.ToBytes(), 0).Header == header, "What was read comes back as something else after writing.");
    }

    public static IEnumerable<byte[]> Seeds()
    {
        yield return Encoding.ASCII.GetBytes("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nP");
        yield return Encoding.ASCII.GetBytes("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n");
        yield return Encoding.ASCII.GetBytes("PROXY UNKNOWN\r\n");
        yield return [.. new ProxyHeader(new(0x0100007f, 1), new(0x0200007f, 2)).ToBytes(), 1, 2, 3];
        yield return new ProxyHeader(new(System.Net.IPAddress.IPv6Loopback, 1), new(System.Net.IPAddress.IPv6Loopback, 2)).ToBytes();
        yield return ProxyHeader.ForItself.ToBytes();
        // A Unix socket's addresses, and a field behind them.
        yield return [.. ProxyHeader.ForItself.ToBytes().AsSpan(0, 12), 0x21, 0x31, 0, 220, .. new byte[216], 4, 0, 1, 0];
    }

    private static (ProxyHeader? Header, byte[] Read, byte[] After) Read(byte[] input, int seed)
    {
        var stream = new PiecesStream(input, seed);
        var reading = ProxyHeader.ReadAsync(stream, default);
        Expect.That(reading.IsCompleted, "It waits for bytes although the stream has ended.");
        var (header, read) = reading.GetAwaiter().GetResult();
        var rest = new MemoryStream();
        Expect.That(stream.CopyToAsync(rest).IsCompletedSuccessfully, "The rest cannot be read.");
        return (header, read.ToArray(), rest.ToArray());
    }

    private static string Outcome(byte[] input, int seed)
    {
        try
        {
            var (header, read, rest) = Read(input, seed);
            if (header is not null)
            {
                Expect.That(read.Length == 0 && input.AsSpan().EndsWith(rest), "What follows the header is missing.");
                return $"{header} {rest.Length}";
            }
            Expect.That(input.AsSpan().SequenceEqual((byte[])[.. read, .. rest]), "What is no header is missing.");
            return "none";
        }
        catch (XpraAesException e) when (e.Id is XpraErrorId.ProxyHeaderInvalid or XpraErrorId.ConnectionLost)
        {
            Expect.That(e.Message.Length < 200 && !e.Message.Any(char.IsControl), "The message shows what a stranger sent.");
            return $"{e.Id}";
        }
    }
}
