using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

/// <summary>A peer's text in messages, tables and logs: nothing that a terminal obeys, or that makes other text look different.</summary>
public sealed class SanitizeTests
{
    [Theory]
    [InlineData("ada", "ada")]
    [InlineData("Ädä 田中", "Ädä 田中")]
    [InlineData("a\nb\u001b[2Jc\u0007", "a b [2Jc")]
    [InlineData("gpj.\u202Eexe", "gpj. exe")]
    [InlineData("a\u2066b\u200Fc\uFEFFd\u00ADe", "a b c d e")]
    [InlineData("a\u2028b\uE000c", "a b c")]
    public void A_peers_text_is_only_text(string text, string expected) => Assert.Equal(expected, PeerIdentification.Sanitize(text));
}
