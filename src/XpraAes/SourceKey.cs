using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace XpraAes;

/// <summary>
/// What counts as one source: an IPv4 address, or an IPv6 /64. A site usually holds a whole /56 or /48 (RFC 6177), so shared limits are
/// counted for those too: see <see cref="LevelsOf"/>.
/// </summary>
internal readonly record struct SourceKey
{
    private const int AddressBits = 128;
    private static readonly int[] s_prefixLengths = [48, 56, 64];

    private readonly UInt128 _bits;
    private readonly int _length;

    private SourceKey(UInt128 address, int length)
    {
        _bits = length == AddressBits ? address : address >> (AddressBits - length) << (AddressBits - length);
        _length = length;
    }

    /// <summary>Whether no wider network is counted.</summary>
    public bool IsWidest => _length == AddressBits || _length == s_prefixLengths[0];

    /// <summary>The source of an address: an IPv4 address or an IPv6 /64.</summary>
    public static SourceKey Of(IPAddress address) => LevelsOf(address)[^1];

    /// <summary>The networks of an address, the widest first, and its source last: /48, /56 and /64 for IPv6; the address alone for IPv4, mapped or not.</summary>
    public static SourceKey[] LevelsOf(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6)
            return [new SourceKey(Bits(address.MapToIPv6()), AddressBits)];
        var bits = Bits(address);
        return [.. s_prefixLengths.Select(length => new SourceKey(bits, length))];
    }

    /// <summary>For example <c>192.0.2.1</c>, and <c>2001:db8:0:1::/64</c>.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[AddressBits / 8];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, _bits);
        var address = new IPAddress(bytes);
        return _length == AddressBits ? address.MapToIPv4().ToString() : $"{address}/{_length}";
    }

    private static UInt128 Bits(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[AddressBits / 8];
        address.TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
