using Org.BouncyCastle.Tls;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

/// <summary>Records as RFC 8448 section 3 has them: TLS_AES_128_GCM_SHA256, application traffic secrets and what was sent with them.</summary>
public sealed class TlsRecordProtectionTests
{
    private const string ClientSecret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
    private const string ServerSecret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

    /// <summary>The client's first record, of 50 bytes 0 to 49, and its close_notify.</summary>
    private static readonly (short Type, byte[] Content, string Record)[] s_client =
    [
        (ContentType.application_data, [.. Enumerable.Range(0, 50).Select(i => (byte)i)],
            "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"),
        (ContentType.alert, [1, 0], "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"),
    ];

    [Fact]
    public void Records_are_those_of_the_standard()
    {
        using var protection = New(ClientSecret);
        foreach (var (type, content, record) in s_client)
        {
            var output = new byte[content.Length + TlsRecordProtection.Overhead];
            Assert.Equal(output.Length, protection.Seal(type, content, output));
            Assert.Equal(record, Convert.ToHexStringLower(output));
        }
    }

    [Fact]
    public void Records_of_the_standard_are_opened()
    {
        using var protection = New(ClientSecret);
        foreach (var (type, content, record) in s_client)
        {
            var opened = new byte[TlsRecordProtection.InnerSize(record.Length / 2)];
            Assert.Equal((type, content.Length), protection.Open(Convert.FromHexString(record), opened));
            Assert.Equal(content, opened[..content.Length]);
        }
    }

    [Fact]
    public void The_other_direction_has_another_key()
    {
        using var protection = New(ServerSecret);
        var alert = Assert.Throws<TlsFatalAlert>(() => protection.Open(Convert.FromHexString(s_client[0].Record), new byte[100]));
        Assert.Equal(AlertDescription.bad_record_mac, alert.AlertDescription);
    }

    /// <summary>The same number of records, the same content: only the key has changed.</summary>
    [Fact]
    public void After_a_key_update_records_of_the_key_before_are_not_opened()
    {
        using var sender = New(ClientSecret);
        using var receiver = New(ClientSecret);
        receiver.Update();
        var record = new byte[1 + TlsRecordProtection.Overhead];
        sender.Seal(ContentType.application_data, [7], record);
        Assert.Throws<TlsFatalAlert>(() => receiver.Open(record, new byte[10]));
    }

    [Theory]
    [InlineData("160303001000", AlertDescription.unexpected_message)] // not protected
    [InlineData("1703034101", AlertDescription.record_overflow)] // 16,641 bytes
    [InlineData("1703030010", AlertDescription.decode_error)] // no room for type and tag
    public void A_wrong_header_is_refused_before_the_record_has_come(string header, int expected)
    {
        var alert = Assert.Throws<TlsFatalAlert>(() => TlsRecordProtection.RecordSize(Convert.FromHexString(header)));
        Assert.Equal(expected, alert.AlertDescription);
    }

    private static TlsRecordProtection New(string secret) => new(CipherSuite.TLS_AES_128_GCM_SHA256, Convert.FromHexString(secret));
}
