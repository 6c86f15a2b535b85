using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;
using Xunit;

namespace XpraAes.Tests.Handshake;

public sealed class RefusalsTests
{
    // Reasons as sent by real servers (PROTOCOL sections 4 and 6), and our own.
    [Theory]
    [InlineData("unsupported AES mode 'GCM'", XpraErrorId.ModeRejected)]
    [InlineData("the server is configured for AES-CBC not AES-CTR as requested", XpraErrorId.ModeRejected)]
    [InlineData("encryption error: AES-CBC is not accepted here: use encryption=AES-CTR in the client's URI", XpraErrorId.ModeRejected)]
    [InlineData("unsupported padding 'legacy'", XpraErrorId.PaddingRejected)]
    [InlineData("missing encryption tokens from client", XpraErrorId.CipherCapabilitiesMissing)]
    [InlineData("the server does not support encryption on this connection", XpraErrorId.CipherCapabilitiesMissing)]
    [InlineData("encryption key is missing", XpraErrorId.CipherCapabilitiesMissing)]
    [InlineData("invalid number of iterations: 50", XpraErrorId.IterationsRejected)]
    [InlineData("authentication failed", XpraErrorId.AuthenticationFailed)]
    [InlineData("Authentication Failed", XpraErrorId.AuthenticationFailed)]
    [InlineData("invalid username ''", XpraErrorId.AuthenticationFailed)]
    [InlineData("version error", XpraErrorId.VersionRejected)]
    [InlineData("incompatible version", XpraErrorId.VersionRejected)]
    [InlineData("session not found error", XpraErrorId.PeerDisconnected)]
    [InlineData("server exit", XpraErrorId.PeerDisconnected)]
    [InlineData("connection error: the gateway's target: The server refused the connection: 'unsupported AES mode 'GCM''", XpraErrorId.PeerDisconnected)]
    [InlineData("", XpraErrorId.PeerDisconnected)]
    public void A_servers_reason_gets_the_id_of_its_cause(string reason, XpraErrorId id)
    {
        Assert.Equal(id, Refusals.IdOf(reason));
        Assert.Equal(id, Refusals.FromServer(Disconnect(reason), isPlaintext: false).Id);
    }

    [Fact]
    public void The_advice_for_a_refused_padding_does_not_suggest_another_mode()
    {
        // Servers since 6.2 refuse the legacy padding of clients up to 5.1 before they look at the mode (PROTOCOL section 8).
        var advice = Refusals.FromServer(Disconnect("unsupported padding 'legacy'"), isPlaintext: true).RecommendedAction!;
        Assert.Contains("Start-XpraAesListener -Target", advice, StringComparison.Ordinal);
        Assert.DoesNotContain("CTR", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void The_message_tells_unencrypted_and_encrypted_refusals_apart()
    {
        Assert.Contains("unencrypted", Refusals.FromServer(Disconnect("server exit"), isPlaintext: true).Message, StringComparison.Ordinal);
        Assert.Contains("the key is right", Refusals.FromServer(Disconnect("server exit"), isPlaintext: false).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("why", null, "why")]
    [InlineData("why", "more", "why: more")]
    [InlineData("line\r\nline\u001b[31m", null, "line  line [31m")]
    public void Reason_and_details_are_one_sanitized_line(string reason, string? details, string shown)
        => Assert.Equal(shown, Refusals.Reason(Disconnect(reason, details)));

    [Fact]
    public void A_gateways_reason_before_the_targets_is_shown_with_both()
        => Assert.Equal("server error: session busy: this session is locked", Refusals.Reason(new Packet(Hello.Disconnect("server error", "session busy", "this session is locked"), Header)));

    [Fact]
    public void A_reason_in_bytes_is_read_as_text()
        => Assert.Equal("server exit", Refusals.Reason(new Packet(["disconnect"u8.ToArray(), "server exit"u8.ToArray()], Header)));

    private static PacketHeader Header => new((byte)PacketEncoding.RencodePlus, 0, 0, 1);

    private static Packet Disconnect(string reason, string? details = null) => new(details is null ? Hello.Disconnect(reason) : Hello.Disconnect(reason, details), Header);
}
