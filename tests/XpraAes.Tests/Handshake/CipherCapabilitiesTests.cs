using System.Text;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Tests.Ciphers;
using XpraAes.Tests.Encodings;
using Xunit;

namespace XpraAes.Tests.Handshake;

/// <summary>PROTOCOL section 5.</summary>
public sealed class CipherCapabilitiesTests
{
    private static readonly CipherParameters s_parameters = CipherTestData.Parameters(AesMode.CTR, keySize: 24) with
    {
        IV = "3wDyKL_x-0123456"u8.ToArray(),
        KeyHash = KeyHash.SHA512,
        Iterations = 2345,
    };

    public static TheoryData<PacketEncoding, bool?> EncodingsAndStreams { get; } = new(
        from encoding in new[] { PacketEncoding.RencodePlus, PacketEncoding.Rencode, PacketEncoding.Bencode }
        from stream in new bool?[] { null, true, false }
        select (encoding, stream));

    [Fact]
    public void Thousands_of_capabilities_are_removed_in_one_pass()
    {
        var hello = new XpraDictionary();
        for (var i = 0; i < 4_000; i++)
        {
            hello[$"cipher.{i}"] = 1L;
            hello[$"{i}_request"] = 1L;
            hello[$"other{i}"] = 1L;
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        CipherCapabilities.Remove(hello);
        HelloRequest.Restrict(hello, "7");
        // Removing them one by one would rebuild the index each time: gigabytes.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10 << 20);
        Assert.Equal(4_001, hello.Count);
        Assert.Equal(1L, hello["7_request"]);
        Assert.Equal(1L, hello["other3999"]);
        Assert.False(hello.ContainsKey("cipher.3"));
    }

    [Theory]
    [MemberData(nameof(EncodingsAndStreams))]
    public void A_hellos_capabilities_survive_every_encoding(PacketEncoding encoding, bool? stream)
    {
        foreach (var form in new[] { "both", "nested", "flat" })
        {
            var hello = new XpraDictionary { ["version"] = "6.2.5" };
            CipherCapabilities.Write(hello, s_parameters, stream);
            Keep(hello, form);
            AssertReads(Decode(hello, encoding), stream);
        }
    }

    [Theory]
    [MemberData(nameof(EncodingsAndStreams))]
    public void A_challenges_capabilities_survive_every_encoding(PacketEncoding encoding, bool? stream)
    {
        var challenge = CipherCapabilities.ForChallenge(s_parameters, stream);
        Assert.Equal("CTR", challenge.GetString("mode"));
        Assert.Equal("CTR", challenge.GetString("cipher.mode"));
        Assert.Equal("CTR", challenge.GetDictionary("encryption")!.GetString("mode"));
        foreach (var form in new[] { "all", "both", "nested", "flat", "bare" })
        {
            var capabilities = challenge.Clone();
            Keep(capabilities, form);
            AssertReads(Decode(capabilities, encoding), stream);
        }
    }

    [Fact]
    public void The_nested_form_takes_precedence_over_the_flat_one()
    {
        var hello = new XpraDictionary();
        CipherCapabilities.Write(hello, s_parameters, stream: null);
        hello["cipher.mode"] = "CBC";
        Assert.Equal(AesMode.CTR, CipherCapabilities.Read(hello)!.Parameters.Mode);
    }

    [Fact]
    public void Omitted_capabilities_have_the_defaults_of_old_peers()
    {
        // As sent by 3.1: no mode, hash, size or stretching, and the padding name is optional.
        var hello = new XpraDictionary
        {
            ["cipher"] = "AES"u8.ToArray(),
            ["cipher.iv"] = "49a92e2928504412"u8.ToArray(),
            ["cipher.key_salt"] = CipherTestData.Bytes(64, seed: 1),
            ["cipher.key_stretch_iterations"] = 1000L,
        };
        var read = CipherCapabilities.Read(hello)!;
        Assert.Equal((AesMode.CBC, 32, KeyHash.SHA1, 1000), (read.Parameters.Mode, read.Parameters.KeySize, read.Parameters.KeyHash, read.Parameters.Iterations));
        Assert.Equal((PaddingScheme.Legacy, 32, true, false), (read.Parameters.Padding, read.Parameters.PaddingUnit, read.Parameters.Stream, read.HasStream));
        Assert.Equal("49a92e2928504412"u8.ToArray(), read.Parameters.IV.ToArray());

        hello["cipher.padding"] = "PKCS#7";
        Assert.Equal(PaddingScheme.Pkcs7, CipherCapabilities.Read(hello)!.Parameters.Padding);
    }

    [Theory]
    [InlineData(PacketEncoding.RencodePlus)]
    [InlineData(PacketEncoding.Rencode)]
    [InlineData(PacketEncoding.Bencode)]
    public void The_browser_clients_IV_has_16_characters_for_any_16_bytes(PacketEncoding encoding)
    {
        byte[] iv = [0xee, 0x4c, 0xa9, 0x6f, 0x55, 0x96, 0x47, 0x95, 0x2a, 0xf8, 0x11, 0xb6, 0x32, 0xd8, 0x22, 0x88];
        var hello = new XpraDictionary
        {
            ["encryption"] = new XpraDictionary
            {
                ["cipher"] = "AES",
                ["mode"] = "CBC",
                ["iv"] = Encoding.Latin1.GetString(iv),
                ["key_salt"] = CipherTestData.Bytes(64, seed: 1),
                ["key_size"] = 32L,
                ["key_hash"] = "SHA1",
                ["key_stretch_iterations"] = 1000L,
                ["padding.options"] = new object?[] { "PKCS#7" },
                ["always-pad"] = true,
                ["stream"] = false,
            },
        };
        var read = CipherCapabilities.Read(Decode(hello, encoding))!;
        Assert.Equal(iv, read.Parameters.IV.ToArray());
        Assert.Equal((PaddingScheme.Pkcs7, 16, false), (read.Parameters.Padding, read.Parameters.PaddingUnit, read.Parameters.Stream));
    }

    [Fact]
    public void Any_16_bytes_are_an_IV_in_the_encodings_that_have_only_bytes()
    {
        byte[] iv = [.. Enumerable.Range(0xf0, 16).Select(value => (byte)value)];
        Assert.Equal(iv, CipherCapabilities.Read(Nested("iv", iv))!.Parameters.IV.ToArray());
    }

    [Fact]
    public void Names_are_not_case_sensitive()
    {
        var hello = Nested("cipher", "aes");
        hello.GetDictionary("encryption")!["mode"] = "gcm";
        hello.GetDictionary("encryption")!["key_hash"] = "sha384";
        var read = CipherCapabilities.Read(hello)!.Parameters;
        Assert.Equal((AesMode.GCM, KeyHash.SHA384), (read.Mode, read.KeyHash));
    }

    [Fact]
    public void Unknown_padding_options_are_ignored()
    {
        Assert.Equal([PaddingScheme.Legacy, PaddingScheme.Pkcs7], CipherCapabilities.Read(Nested("padding.options", new object?[] { "legacy", "ISO 10126", "PKCS#7" }))!.PaddingOptions);
        Assert.Equal([PaddingScheme.Pkcs7], CipherCapabilities.Read(Nested("padding.options", null))!.PaddingOptions);
    }

    [Fact]
    public void A_peer_without_AES_has_no_capabilities()
    {
        Assert.Null(CipherCapabilities.Read(null));
        foreach (var nothing in new object?[] { null, "", new XpraDictionary(), new XpraDictionary { ["mode"] = "CBC" } })
            Assert.Null(CipherCapabilities.Read(new XpraDictionary { ["version"] = "6.2.5", ["encryption"] = nothing }));
    }

    public static TheoryData<string, object?, XpraErrorId> Malformed => new()
    {
        { "cipher", "DES", XpraErrorId.CipherCapabilitiesInvalid },
        { "cipher", "", XpraErrorId.CipherCapabilitiesInvalid },
        { "cipher", true, XpraErrorId.CipherCapabilitiesInvalid },
        { "mode", "ECB", XpraErrorId.ModeRejected },
        { "mode", "CBC\u0007", XpraErrorId.ModeRejected },
        { "key_stretch", "scrypt", XpraErrorId.CipherCapabilitiesInvalid },
        { "key_hash", "MD5", XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", null, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", "", XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", 64L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_salt", new string('s', 1025), XpraErrorId.CipherCapabilitiesInvalid },
        { "key_stretch_iterations", null, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_stretch_iterations", "1000", XpraErrorId.CipherCapabilitiesInvalid },
        { "key_stretch_iterations", 0L, XpraErrorId.IterationsRejected },
        { "key_stretch_iterations", -1000L, XpraErrorId.IterationsRejected },
        { "key_stretch_iterations", 1_000_001L, XpraErrorId.IterationsRejected },
        { "key_stretch_iterations", long.MaxValue, XpraErrorId.IterationsRejected },
        { "key_size", 0L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_size", -16L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_size", 15L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_size", 256L, XpraErrorId.CipherCapabilitiesInvalid },
        { "key_size", (1L << 32) + 32, XpraErrorId.CipherCapabilitiesInvalid },
        { "iv", null, XpraErrorId.CipherCapabilitiesInvalid },
        { "iv", "", XpraErrorId.CipherCapabilitiesInvalid },
        { "iv", "fifteen letters", XpraErrorId.CipherCapabilitiesInvalid },
        { "iv", "seventeen letters", XpraErrorId.CipherCapabilitiesInvalid },
        { "iv", "sixteen with €€€", XpraErrorId.CipherCapabilitiesInvalid },
        { "iv", 16L, XpraErrorId.CipherCapabilitiesInvalid },
        { "padding", "zero", XpraErrorId.PaddingRejected },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Each_invalid_field_has_its_own_error(string name, object? value, XpraErrorId id)
    {
        foreach (var form in new[] { "nested", "flat", "bare" })
        {
            var capabilities = CipherCapabilities.ForChallenge(s_parameters, stream: true);
            Keep(capabilities, form);
            var prefix = form == "flat" && name != "cipher" ? "cipher." : "";
            var fields = form == "nested" ? capabilities.GetDictionary("encryption")! : capabilities;
            // Without its IV a bare form would be read as a flat one.
            if (value is null && !(form == "bare" && name == "iv"))
                fields.Remove(prefix + name);
            else
                fields[prefix + name] = value;
            var refused = Assert.Throws<XpraAesException>(() => CipherCapabilities.Read(capabilities));
            Assert.Equal(id, refused.Id);
            Assert.DoesNotContain(refused.Message, char.IsControl);
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1_000_000)]
    public void The_limits_of_the_iteration_range_are_accepted(long iterations)
        => Assert.Equal(iterations, CipherCapabilities.Read(Nested("key_stretch_iterations", iterations))!.Parameters.Iterations);

    [Fact]
    public void Remove_removes_every_form_and_nothing_else()
    {
        var hello = CipherCapabilities.ForChallenge(s_parameters, stream: true);
        Keep(hello, "both");
        hello["ciphers"] = "stay";
        hello["version"] = "6.2.5";
        CipherCapabilities.Remove(hello);
        Assert.Equal(["ciphers", "version"], hello.Select(pair => pair.Key));
        Assert.False(CipherCapabilities.IsIn(hello));
    }

    [Fact]
    public void Salt_and_IV_are_new_each_time_and_fit_every_generation()
    {
        var generated = Enumerable.Range(0, 50).Select(_ => CipherCapabilities.Generate(AesMode.CBC, 32, KeyHash.SHA1, 10_000, PaddingScheme.Pkcs7, 16, stream: true)).ToList();
        Assert.Equal(50, generated.Select(parameters => Convert.ToHexString(parameters.Salt.Span)).Distinct().Count());
        Assert.Equal(50, generated.Select(parameters => Convert.ToHexString(parameters.IV.Span)).Distinct().Count());
        Assert.All(generated, parameters => Assert.Equal((64, 16), (parameters.Salt.Length, parameters.IV.Length)));
        // Characters that are one byte each in every packet encoding.
        Assert.All(generated, parameters => Assert.All(parameters.IV.ToArray(), character => Assert.True(char.IsAsciiLetterOrDigit((char)character) || character is (byte)'-' or (byte)'_')));
    }

    private static XpraDictionary Nested(string name, object? value)
    {
        var hello = new XpraDictionary();
        CipherCapabilities.Write(hello, s_parameters, stream: true);
        Keep(hello, "nested");
        hello.GetDictionary("encryption")![name] = value;
        return hello;
    }

    private static void Keep(XpraDictionary capabilities, string form)
    {
        foreach (var key in capabilities.Select(pair => (string)pair.Key).ToList())
        {
            var kind = key == "encryption" ? "nested" : key.StartsWith("cipher.", StringComparison.Ordinal) ? "flat" : "bare";
            // The bare and the flat form share the key of the cipher's name.
            var keep = form switch
            {
                "all" => true,
                "both" => kind != "bare" || key == "cipher",
                "flat" => kind == "flat" || key == "cipher",
                _ => kind == form,
            };
            if (!keep)
                capabilities.Remove(key);
        }
    }

    private static XpraDictionary Decode(XpraDictionary hello, PacketEncoding encoding)
        => (XpraDictionary)PacketCodec.Decode(encoding, PacketCodec.Encode(encoding, hello), Values.Limits)!;

    private static void AssertReads(XpraDictionary hello, bool? stream)
    {
        var read = CipherCapabilities.Read(hello)!;
        Assert.Equal(stream is not null, read.HasStream);
        Assert.Equal([PaddingScheme.Pkcs7], read.PaddingOptions);
        Assert.Equal(s_parameters.IV.ToArray(), read.Parameters.IV.ToArray());
        Assert.Equal(s_parameters.Salt.ToArray(), read.Parameters.Salt.ToArray());
        Assert.Equal(
            s_parameters with { Stream = stream ?? true, PaddingUnit = stream is null ? 32 : 16 },
            read.Parameters with { IV = s_parameters.IV, Salt = s_parameters.Salt });
    }
}
