using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace XpraAes;

/// <summary>
/// Whom an address stands for, as far as an address tells: of IPv4 the address itself, of IPv6 its network of 64 bits, of which its holder
/// has every address. Many holders have all of the networks of 56 or of 48 bits around it (RFC 6177), so what one source may have together with
/// others is counted for these too: see <see cref="LevelsOf"/>.
/// </summary>
internal readonly record struct SourceKey
{
    private const int AddressBits = 128;
    private static readonly int[] s_networks = [48, 56, 64];

    private readonly UInt128 _bits;
    private readonly int _length;

    private SourceKey(UInt128 address, int length)
    {
        _bits = length == AddressBits ? address : address >> (AddressBits - length) << (AddressBits - length);
        _length = length;
    }

    /// <summary>Whether there is no network around it that would count too.</summary>
    public bool IsWidest => _length == AddressBits || _length == s_networks[0];

    /// <summary>The source that an address belongs to: the last of its <see cref="LevelsOf"/>.</summary>
    public static SourceKey Of(IPAddress address) => LevelsOf(address)[^1];

    /// <summary>The source that an address belongs to, last, and before it the networks around it, the widest first. IPv4 has none around it, in IPv6's form either.</summary>
    public static SourceKey[] LevelsOf(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6)
            return [new SourceKey(Bits(address.MapToIPv6()), AddressBits)];
        var bits = Bits(address);
        return [.. s_networks.Select(length => new SourceKey(bits, length))];
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
