using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace XpraAes.Transports;

/// <summary>The header of the PROXY protocol (HAProxy's doc/proxy-protocol.txt), with which a proxy begins a connection to tell whose it is.</summary>
/// <param name="Source">The client's address and port; null where the proxy does not say: for its own health checks, and for a client without an IP address.</param>
/// <param name="Destination">The address and port that the client has reached; null where the proxy does not say.</param>
internal sealed record ProxyHeader(IPEndPoint? Source, IPEndPoint? Destination)
{
    /// <summary>The longest header of version 1 in bytes, its CR and LF included.</summary>
    public const int LongestText = 107;

    /// <summary>Bytes of a header of version 2 before the addresses.</summary>
    public const int BinarySize = 16;

    private const int IPv4Size = 12, IPv6Size = 36, UnixSize = 216;

    /// <summary>Version in the upper half of byte 12, command in the lower.</summary>
    private const byte Version2 = 0x20, Local = 0, Proxied = 1;

    /// <summary>Address family in the upper half of byte 13, transport in the lower.</summary>
    private const byte Unspecified = 0x00, TcpOverIPv4 = 0x11, TcpOverIPv6 = 0x21, UnixStream = 0x31;

    /// <summary>Both versions' beginnings are read this far at once: the shortest header has 15 bytes.</summary>
    private const int FirstSize = 12;

    private static ReadOnlySpan<byte> TextStart => "PROXY "u8;

    private static ReadOnlySpan<byte> BinaryStart => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Whether the proxy speaks for itself: a health check. It is accepted with the proxy's own address.</summary>
    public bool IsLocal { get; private init; }

    /// <summary>The header of a connection that a proxy makes for itself.</summary>
    public static ProxyHeader ForItself { get; } = new(null, null) { IsLocal = true };

    /// <summary>The header about the client at the other end of a socket.</summary>
    public static ProxyHeader Between(Socket socket)
    {
        try
        {
            return socket is { RemoteEndPoint: IPEndPoint source, LocalEndPoint: IPEndPoint destination } ? new(Unmap(source), Unmap(destination)) : new(null, null);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return new(null, null);
        }
    }

    /// <summary>Whether these bytes, as far as they go, are the beginning of a header.</summary>
    public static bool IsStart(ReadOnlySpan<byte> first) => StartsAs(first, TextStart) || StartsAs(first, BinaryStart);

    /// <summary>Reads a header and nothing after it. Without one, what was read is returned, to be read again.</summary>
    /// <exception cref="XpraAesException">ProxyHeaderInvalid; ConnectionLost if the connection ends within it.</exception>
    public static async Task<(ProxyHeader? Header, ReadOnlyMemory<byte> Read)> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[UnixSize];
        var count = 0;
        while (count < FirstSize)
        {
            var more = await stream.ReadAsync(buffer.AsMemory(count, FirstSize - count), cancellationToken).ConfigureAwait(false);
            count += more;
            if (more == 0 || !IsStart(buffer.AsSpan(0, count)))
                return (null, buffer.AsMemory(0, count));
        }
        try
        {
            return (buffer[0] == TextStart[0] ? await ReadTextAsync(stream, buffer, cancellationToken).ConfigureAwait(false) : await ReadBinaryAsync(stream, buffer, cancellationToken).ConfigureAwait(false), default);
        }
        catch (EndOfStreamException e)
        {
            throw new XpraAesException(XpraErrorId.ConnectionLost, "The proxy closed the connection within its PROXY header.", innerException: e);
        }
    }

    /// <summary>The header in version 2.</summary>
    public byte[] ToBytes()
    {
        var (source, destination) = (Source, Destination);
        if (source is null || destination is null || source.AddressFamily != destination.AddressFamily)
        {
            var empty = new byte[BinarySize];
            WriteStart(empty, IsLocal ? Local : Proxied, Unspecified, 0);
            return empty;
        }
        var size = source.AddressFamily == AddressFamily.InterNetwork ? IPv4Size : IPv6Size;
        var bytes = new byte[BinarySize + size];
        WriteStart(bytes, Proxied, size == IPv4Size ? TcpOverIPv4 : TcpOverIPv6, size);
        var addressSize = (size - 4) / 2;
        source.Address.TryWriteBytes(bytes.AsSpan(BinarySize), out _);
        destination.Address.TryWriteBytes(bytes.AsSpan(BinarySize + addressSize), out _);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(BinarySize + 2 * addressSize), (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(BinarySize + 2 * addressSize + 2), (ushort)destination.Port);
        return bytes;
    }

    private static void WriteStart(Span<byte> bytes, byte command, byte family, int size)
    {
        BinaryStart.CopyTo(bytes);
        bytes[12] = (byte)(Version2 | command);
        bytes[13] = family;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], (ushort)size);
    }

    private static bool StartsAs(ReadOnlySpan<byte> first, ReadOnlySpan<byte> start) => first.Length < start.Length ? start.StartsWith(first) : first.StartsWith(start);

    /// <summary>Byte by byte, as it has no length and what follows it is not for us.</summary>
    private static async Task<ProxyHeader> ReadTextAsync(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        for (var count = FirstSize; count < LongestText; count++)
        {
            await stream.ReadExactlyAsync(buffer.AsMemory(count, 1), cancellationToken).ConfigureAwait(false);
            if (buffer[count] == '\n')
                return ParseText(buffer.AsSpan(0, count + 1));
        }
        throw Invalid("is longer than 107 bytes");
    }

    private static ProxyHeader ParseText(ReadOnlySpan<byte> line)
    {
        if (line is not [.. var content, (byte)'\r', (byte)'\n'])
            throw Invalid("does not end in CR and LF");
        var parts = Encoding.Latin1.GetString(content).Split(' ');
        // Whatever follows it is to be ignored.
        if (parts[1] == "UNKNOWN")
            return new ProxyHeader(null, null);
        var family = parts[1] switch { "TCP4" => AddressFamily.InterNetwork, "TCP6" => AddressFamily.InterNetworkV6, _ => AddressFamily.Unknown };
        if (family == AddressFamily.Unknown || parts.Length != 6)
            throw Invalid("is not one of TCP4, TCP6 or UNKNOWN with two addresses and two ports");
        return Announced(new IPEndPoint(ParseAddress(parts[2], family), ParsePort(parts[4])), new IPEndPoint(ParseAddress(parts[3], family), ParsePort(parts[5])));
    }

    private static IPAddress ParseAddress(string text, AddressFamily family)
    {
        // Of IPv4 the platform reads other notations too, and of IPv6 brackets and zones.
        var isPlain = text.All(c => char.IsAsciiHexDigit(c) || c is '.' or ':');
        if (!isPlain || !IPAddress.TryParse(text, out var address) || address.AddressFamily != family || family == AddressFamily.InterNetwork && address.ToString() != text)
            throw Invalid("has an address that is not of its kind");
        return address;
    }

    private static int ParsePort(string text)
        => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && (text.Length == 1 || text[0] != '0') ? port : throw Invalid("has a port that is not a number from 0 to 65535");

    private static async Task<ProxyHeader> ReadBinaryAsync(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        await stream.ReadExactlyAsync(buffer.AsMemory(FirstSize, BinarySize - FirstSize), cancellationToken).ConfigureAwait(false);
        var (command, family, size) = (buffer[12], buffer[13], (int)BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(14)));
        if (command is not (Version2 | Local) and not (Version2 | Proxied))
            throw Invalid("has another version than 2, or an unknown command");
        var addresses = (command == (Version2 | Local), family) switch
        {
            (true, _) or (_, Unspecified) => 0,
            (_, TcpOverIPv4) => IPv4Size,
            (_, TcpOverIPv6) => IPv6Size,
            (_, UnixStream) => UnixSize,
            _ => throw Invalid("is not about a connection by TCP or a Unix socket"),
        };
        if (size < addresses)
            throw Invalid("is too short for its addresses");
        await stream.ReadExactlyAsync(buffer.AsMemory(0, addresses), cancellationToken).ConfigureAwait(false);
        var header = Parse(buffer, addresses, command);
        // Further fields (TLVs) are about the client's TLS, for example. They take no memory, however many there are.
        for (var rest = size - addresses; rest > 0;)
        {
            var count = Math.Min(rest, buffer.Length);
            await stream.ReadExactlyAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            rest -= count;
        }
        return header;
    }

    private static ProxyHeader Parse(byte[] addresses, int size, byte command)
    {
        // A client's Unix socket rarely has a name, and no address that limits could apply to.
        if (size is not (IPv4Size or IPv6Size))
            return command == (Version2 | Local) ? ForItself : new ProxyHeader(null, null);
        var addressSize = (size - 4) / 2;
        return Announced(EndPointAt(0), EndPointAt(1));

        IPEndPoint EndPointAt(int index)
            => new(new IPAddress(addresses.AsSpan(index * addressSize, addressSize)), BinaryPrimitives.ReadUInt16BigEndian(addresses.AsSpan(2 * addressSize + 2 * index)));
    }

    /// <summary>An IPv4 address in IPv6 is the IPv4 address, so that limits cannot be passed by writing it otherwise.</summary>
    private static ProxyHeader Announced(IPEndPoint source, IPEndPoint destination) => new(Unmap(source), Unmap(destination));

    private static IPEndPoint Unmap(IPEndPoint endPoint) => new(AddressText.Unmap(endPoint.Address), endPoint.Port);

    private static XpraAesException Invalid(string how)
        => new(XpraErrorId.ProxyHeaderInvalid, $"The PROXY header {how}.", "Check what the trusted source sends: HAProxy's send-proxy or send-proxy-v2.");
}
