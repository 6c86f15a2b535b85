using System.Net;
using System.Text;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

/// <summary>HAProxy's doc/proxy-protocol.txt: its examples, and what it says must be accepted, skipped and refused.</summary>
public sealed class ProxyHeaderTests
{
    private const string Signature = "0d0a0d0a000d0a515549540a", IPv4 = "c0a80001c0a8000bdc0401bb";

    [Theory]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324", "192.168.0.11:443")]
    [InlineData("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535", "255.255.255.255:65535")]
    [InlineData("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")]
    [InlineData("PROXY TCP6 2001:db8::1 ::1 0 1\r\n", "[2001:db8::1]:0", "[::1]:1")]
    [InlineData("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 2\r\n", "192.0.2.7:1", "192.0.2.8:2")] // limits go by the IPv4 address
    [InlineData("PROXY UNKNOWN\r\n", null, null)]
    [InlineData("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", null, null)]
    public async Task Version_1_is_read(string line, string? source, string? destination) => await CheckAsync(Encoding.ASCII.GetBytes(line), source, destination);

    [Theory]
    [InlineData("21 11 000c" + IPv4, "192.168.0.1:56324", "192.168.0.11:443")]
    [InlineData("21 11 0013" + IPv4 + "04000400000000", "192.168.0.1:56324", "192.168.0.11:443")] // a TLV of type NOOP
    [InlineData("21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 0001 0002", "[2001:db8::1]:1", "[2001:db8::2]:2")]
    [InlineData("21 21 0024 00000000000000000000ffffc0000207 00000000000000000000ffffc0000208 0001 0002", "192.0.2.7:1", "192.0.2.8:2")]
    [InlineData("20 00 0000", null, null)] // LOCAL
    [InlineData("20 11 000c" + IPv4, null, null)] // the addresses of LOCAL are discarded
    [InlineData("20 ff 0001 00", null, null)] // and so is its family
    [InlineData("21 00 0000", null, null)] // UNSPEC
    [InlineData("21 00 0003 000000", null, null)]
    public async Task Version_2_is_read(string hex, string? source, string? destination)
        => await CheckAsync(Convert.FromHexString(Signature + hex.Replace(" ", "", StringComparison.Ordinal)), source, destination);

    [Fact]
    public async Task The_client_of_a_Unix_socket_has_no_address()
        => await CheckAsync([.. Convert.FromHexString(Signature + "213100d8"), .. new byte[216]], null, null);

    [Fact]
    public async Task The_longest_header_takes_no_memory_and_nothing_behind_it_is_read()
    {
        byte[] wire = [.. Convert.FromHexString(Signature + "2111ffff" + IPv4), .. new byte[0xffff - 12], 1, 2, 3];
        var stream = new ScriptedStream(wire);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var reading = ProxyHeader.ReadAsync(stream, default);
        Assert.True(reading.IsCompleted);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 50_000);
        Assert.Equal("192.168.0.1:56324", $"{(await reading).Header!.Source}");
        Assert.Equal(wire.Length - 3, stream.Position);
    }

    [Theory]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\n")]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\r\n")]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n")]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 \r\n")]
    [InlineData("PROXY TCP4  192.168.0.1 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 065 443\r\n")]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n")]
    [InlineData("PROXY TCP4 192.168.0.1 192.168.0.11 -1 443\r\n")]
    [InlineData("PROXY TCP4 192.168.1 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY TCP4 0xc0a80001 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY TCP4 192.168.0.010 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY TCP4 ::1 ::1 56324 443\r\n")] // another family than announced
    [InlineData("PROXY TCP6 192.168.0.1 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY TCP6 ::1 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY TCP6 fe80::1%1 ::1 56324 443\r\n")]
    [InlineData("PROXY TCP6 [::1] ::1 56324 443\r\n")]
    [InlineData("PROXY TCP5 192.168.0.1 192.168.0.11 56324 443\r\n")]
    [InlineData("PROXY UNKNOWNS\r\n")]
    [InlineData("PROXY \r\n       \r\n")]
    public async Task What_is_no_header_of_version_1_is_refused(string line)
        => Assert.Equal(XpraErrorId.ProxyHeaderInvalid, (await FailAsync(Encoding.ASCII.GetBytes(line + new string('x', 200)))).Id);

    /// <summary>No more is read than a header may have.</summary>
    [Fact]
    public async Task A_line_without_an_end_is_refused_at_107_bytes()
    {
        var stream = new ScriptedStream(Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 1000)));
        Assert.Equal(XpraErrorId.ProxyHeaderInvalid, (await Assert.ThrowsAsync<XpraAesException>(() => ProxyHeader.ReadAsync(stream, default))).Id);
        Assert.Equal(ProxyHeader.LongestText, stream.Position);
    }

    [Theory]
    [InlineData("11 11 000c" + IPv4)] // version 1 in binary
    [InlineData("31 11 000c" + IPv4)] // version 3
    [InlineData("22 11 000c" + IPv4)] // an unassigned command
    [InlineData("21 11 000b" + IPv4)] // too short for its addresses
    [InlineData("21 21 000c" + IPv4)]
    [InlineData("21 12 000c" + IPv4)] // UDP
    [InlineData("21 41 000c" + IPv4)] // an unassigned family
    [InlineData("21 10 000c" + IPv4)]
    public async Task What_is_no_header_of_version_2_is_refused(string hex)
        => Assert.Equal(XpraErrorId.ProxyHeaderInvalid, (await FailAsync([.. Convert.FromHexString(Signature + hex.Replace(" ", "", StringComparison.Ordinal)), .. new byte[300]])).Id);

    [Theory]
    [InlineData("")]
    [InlineData("P")]
    [InlineData("PR")]
    [InlineData("PROXX TCP4 1.2.3.4 1.2.3.4 1 1\r\n")]
    [InlineData("\r\n\r\nGET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    public async Task Anything_else_can_be_read_again(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        for (var seed = 0; seed < 20; seed++)
        {
            var stream = new ScriptedStream(bytes, new Random(seed));
            var (header, read) = await ProxyHeader.ReadAsync(stream, default);
            Assert.Null(header);
            Assert.Equal(bytes[..(int)stream.Position], read.ToArray());
        }
    }

    /// <summary>A header that is cut anywhere tells no address.</summary>
    [Fact]
    public async Task A_header_that_ends_early_is_none()
    {
        foreach (var whole in new[] { Encoding.ASCII.GetBytes("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"), Convert.FromHexString(Signature + "2111000e" + IPv4 + "0000") })
        {
            for (var count = 0; count < whole.Length; count++)
            {
                var stream = new ScriptedStream(whole[..count], new Random(count));
                if (count < 12)
                    Assert.Null((await ProxyHeader.ReadAsync(stream, default)).Header);
                else
                    Assert.Equal(XpraErrorId.ConnectionLost, (await Assert.ThrowsAsync<XpraAesException>(() => ProxyHeader.ReadAsync(stream, default))).Id);
            }
        }
    }

    [Theory]
    [InlineData("192.0.2.1:5", "198.51.100.2:65535")]
    [InlineData("[2001:db8::1]:5", "[::1]:65535")]
    public async Task What_is_sent_is_read_as_the_same(string source, string destination)
        => await CheckAsync(new ProxyHeader(IPEndPoint.Parse(source), IPEndPoint.Parse(destination)).ToBytes(), source, destination);

    [Fact]
    public async Task Of_two_families_none_is_sent()
    {
        await CheckAsync(new ProxyHeader(IPEndPoint.Parse("192.0.2.1:5"), IPEndPoint.Parse("[::1]:5")).ToBytes(), null, null);
        Assert.Equal(Signature + "20000000", Convert.ToHexString(ProxyHeader.ForItself.ToBytes()).ToLowerInvariant());
        Assert.Equal(Signature + "21000000", Convert.ToHexString(new ProxyHeader(null, null).ToBytes()).ToLowerInvariant());
    }

    private static async Task CheckAsync(byte[] header, string? source, string? destination)
    {
        // Whole, and in many random pieces, some of them single bytes.
        for (var seed = -1; seed < 20; seed++)
        {
            var stream = new ScriptedStream([.. header, .. "PROXY UNKNOWN\r\n"u8], seed < 0 ? null : new Random(seed));
            var (read, rest) = await ProxyHeader.ReadAsync(stream, default);
            Assert.NotNull(read);
            Assert.Equal((source, destination), (read.Source?.ToString(), read.Destination?.ToString()));
            Assert.True(rest.IsEmpty);
            Assert.Equal(header.Length, stream.Position);
        }
    }

    private static Task<XpraAesException> FailAsync(byte[] wire) => Assert.ThrowsAsync<XpraAesException>(() => ProxyHeader.ReadAsync(new ScriptedStream(wire), default));
}
