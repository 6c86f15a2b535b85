using System.Text;
using XpraAes.Ciphers;
using XpraAes.Keys;

namespace XpraAes.Tests.Diagnostics;

/// <summary>Wrong keys, and right keys in the wrong form.</summary>
public sealed class ProbeKeyTests : ProbeTests
{
    private const string LongKeyText = KeyText + "-" + KeyText + "-" + KeyText;

    [Theory]
    [MemberData(nameof(GenerationsAndModes))]
    public async Task A_wrong_key_is_recognised_after_one_connection(string version, AesMode mode)
    {
        await using var server = Serve(version);
        using var wrong = XpraKey.FromText("another key altogether");
        var found = await ProbeAnsweringAsync(server, options => options with { Key = wrong, Mode = mode });
        AssertCause(found, DiagnosisFinding.KeyMismatch);
        Assert.Contains(found, diagnosis => diagnosis.Finding == DiagnosisFinding.Encrypted);
        Assert.Equal(version == "3.1.3" ? 2 : 1, server.Connections);
    }

    public static TheoryData<string, string, string> KeyForms => new()
    {
        { Hex(KeyText), Hex(KeyText + "\n"), "newline at its end" },
        { Hex(KeyText), Hex(KeyText + "\r\n"), "CR and LF at its end" },
        { Hex(KeyText), Hex(KeyText + " "), "space at its end" },
        { Hex(LongKeyText), Hex(LongKeyText + "\0"), "NUL at its end" },
        { Hex(KeyText + " "), Hex(KeyText), "without the white space" },
        { Hex("\t" + KeyText + "\n"), Hex(KeyText), "without the white space" },
        { Hex(LongKeyText + "\0"), Hex(LongKeyText), "without the NUL" },
        { Hex("\uFEFF" + KeyText), Hex(KeyText), "without the byte order mark" },
        { Hex(KeyText), Hex("\uFEFF" + KeyText), "UTF-8 byte order mark before it" },
        { Hex(KeyText), KeyText, "the bytes that its digits" },
        { Hex("0x" + KeyText), KeyText, "the bytes that its digits" },
        { KeyText, Hex(KeyText), "the hexadecimal digits of its bytes" },
        { KeyText, Hex("0x" + KeyText), "taken as text" },
        { Hex(Base64(KeyText)), KeyText, "its base64 text stand for" },
        { Hex("base64:" + Base64(KeyText)), KeyText, "its base64 text stand for" },
        { KeyText, Hex(Base64(KeyText)), "the base64 text of its bytes" },
        { Hex(KeyText), Hex(KeyText.ToUpperInvariant()), "in the other case" },
        { Hex("secret"), Hex(Encoding.Unicode.GetBytes("\uFEFFsecret\r\n")), "Windows PowerShell" },
        { Hex("secret"), Hex(Encoding.Unicode.GetBytes("\uFEFFsecret")), "UTF-16 text with a byte order mark" },
        { Hex("secret"), Hex(Encoding.Unicode.GetBytes("secret")), "UTF-16 text" },
        { Hex(Encoding.Unicode.GetBytes("\uFEFFsecret\r\n")), Hex("secret"), "UTF-8 text in place of UTF-16" },
        { Hex(Encoding.Unicode.GetBytes("secret")), Hex("secret"), "UTF-8 text in place of UTF-16" },
        { Hex("clé"), Hex(Encoding.Latin1.GetBytes("clé")), "Latin-1" },
    };

    [Fact]
    public async Task A_NUL_at_the_end_of_a_key_of_up_to_64_bytes_makes_no_difference()
    {
        // HMAC pads its key with zeros (RFC 2104).
        using var key = XpraKey.FromText("0x" + Hex(KeyText + "\0"));
        await using var server = Serve(ServerTraits.Master);
        Assert.Contains(await ProbeAnsweringAsync(server, options => options with { Key = key }), diagnosis => diagnosis.Finding == DiagnosisFinding.KeyRight);
    }

    [Theory]
    [MemberData(nameof(KeyForms))]
    public async Task A_key_in_another_form_is_recognised_after_one_connection(string ours, string theirs, string how)
    {
        using var key = XpraKey.FromText("0x" + ours);
        using var serverKey = XpraKey.FromText("0x" + theirs);
        await using var server = new FakeServer(ServerTraits.Master, serverKey);
        var found = await ProbeAnsweringAsync(server, options => options with { Key = key });
        Assert.Contains(how, AssertCause(found, DiagnosisFinding.KeyFormDiffers).Message, StringComparison.Ordinal);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task A_key_in_another_form_is_recognised_in_another_mode_than_requested()
    {
        using var key = XpraKey.FromText(KeyText + " ", KeySource.KeyData);
        await using var server = Serve("3.1.3");
        var found = await ProbeAnsweringAsync(server, options => options with { Key = key, Mode = AesMode.GCM });
        Assert.Equal([DiagnosisFinding.ModeIgnored, DiagnosisFinding.KeyFormDiffers], found.Where(diagnosis => diagnosis.Result == DiagnosisResult.Failed).Select(diagnosis => diagnosis.Finding));
    }

    [Fact]
    public async Task A_server_that_uses_the_password_as_its_key_is_recognised()
    {
        using var password = SecretBuffer.FromUtf8("pw");
        using var passwordKey = XpraKey.FromPassword(password.Span);
        await using var server = new FakeServer(ServerTraits.V61 with { Password = "pw" }, passwordKey);
        var cause = AssertCause(await ProbeAnsweringAsync(server, options => options with { Password = password }), DiagnosisFinding.KeyMismatch);
        Assert.Contains("-PasswordAsKey", cause.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(1, server.Connections);
        Assert.DoesNotContain(await ProbeAnsweringAsync(server, options => options with { Key = passwordKey, Password = password }), diagnosis => diagnosis.Result == DiagnosisResult.Failed);
    }

    [Theory]
    [InlineData("3.1.3", AesMode.CBC)]
    [InlineData("6.2.5", AesMode.CTR)]
    public async Task Of_several_keys_one_that_is_right_is_enough(string version, AesMode mode)
    {
        await using var server = Serve(version);
        using var wrong = XpraKey.FromText("another key altogether");
        var found = await ProbeAnsweringAsync(server, options => options with { Key = wrong, OtherKeys = [Key], Mode = mode });
        Assert.DoesNotContain(found, diagnosis => diagnosis.Result == DiagnosisResult.Failed);
    }

    [Fact]
    public async Task No_form_of_the_key_is_ever_sent()
    {
        foreach (var traits in new[] { ServerTraits.V31, ServerTraits.V62 with { Mode = AesMode.CTR }, ServerTraits.V65 with { AlwaysRefuses = "no" }, ServerTraits.V61 with { EncryptsFirstPacket = true } })
        {
            foreach (var withKey in new[] { true, false })
            {
                await using var server = Serve(traits, withKey);
                using var wrong = XpraKey.FromText(KeyText + "x");
                await ProbeAsync(server, options => options with { Key = wrong });
                var sent = Encoding.Latin1.GetString(server.Received);
                Assert.NotEmpty(sent);
                foreach (var form in new[] { KeyText, Hex(KeyText), Base64(KeyText), Encoding.Latin1.GetString(Convert.FromHexString(KeyText)) })
                    Assert.DoesNotContain(form, sent, StringComparison.OrdinalIgnoreCase);
            }
        }
    }
}
