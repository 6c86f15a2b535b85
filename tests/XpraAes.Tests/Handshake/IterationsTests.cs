using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Transports;
using Xunit;

namespace XpraAes.Tests.Handshake;

/// <summary>The range of PBKDF2 iterations that some xpra version accepts (PROTOCOL section 0): 100 to 1,000,000.</summary>
public sealed class IterationsTests
{
    [Theory]
    [InlineData(99)]
    [InlineData(1_000_001)]
    public async Task Iterations_that_no_server_accepts_are_not_announced(int iterations)
    {
        using var key = XpraKey.Generate();
        var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 1), Key = key, Iterations = iterations };
        var refusal = await Assert.ThrowsAsync<XpraAesException>(() => XpraConnector.ConnectAsync(options));
        Assert.Equal(XpraErrorId.IterationsRejected, refusal.Id);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(99)]
    [InlineData(1_000_001)]
    public void Iterations_out_of_range_are_not_accepted_from_a_peer(int iterations)
    {
        var refusal = Assert.Throws<XpraAesException>(() => CipherCapabilities.Read(Announced(iterations)));
        Assert.Equal(XpraErrorId.IterationsRejected, refusal.Id);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1_000_000)]
    public void The_limits_of_the_range_are_accepted(int iterations)
        => Assert.Equal(iterations, CipherCapabilities.Read(Announced(iterations))!.Parameters.Iterations);

    private static XpraDictionary Announced(int iterations)
    {
        var capabilities = new XpraDictionary();
        CipherCapabilities.Write(capabilities, new CipherParameters { Mode = AesMode.CTR, IV = new byte[16], Salt = new byte[64], Iterations = iterations }, stream: null);
        return capabilities;
    }
}
