using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Tests.Listening;

/// <summary>How the generations of xpra differ on the wire (PROTOCOL sections 0, 5 and 11).</summary>
internal sealed record Generation(string Name)
{
    private const string Pkcs7 = "PKCS#7", Legacy = "legacy";

    public required AesMode[] Modes { get; init; }
    public required PacketEncoding Encoding { get; init; }
    public PacketEncoding LaterEncoding { get; init; } = PacketEncoding.RencodePlus;
    public byte Compression { get; init; } = PacketCompression.Lz4Header;
    public bool IsFlat { get; init; }
    public bool IsNested { get; init; }
    public int PaddingUnit { get; init; } = 32;
    public string? Padding { get; init; } = Pkcs7;
    public string[] PaddingOptions { get; init; } = [Pkcs7, Legacy];
    public int Iterations { get; init; } = 1_000;
    public bool? Stream { get; init; }
    public bool IsHtml5 { get; init; }

    public static IReadOnlyList<Generation> All { get; } =
    [
        new("3.1") { Modes = [AesMode.CBC], Encoding = PacketEncoding.Rencode, LaterEncoding = PacketEncoding.Rencode, Compression = PacketCompression.ZlibHeader, IsFlat = true, Padding = Legacy },
        new("4.4") { Modes = [AesMode.CBC, AesMode.CTR, AesMode.GCM, AesMode.CFB], Encoding = PacketEncoding.Rencode, IsFlat = true, Padding = Legacy },
        new("5.1") { Modes = [AesMode.CBC, AesMode.CTR, AesMode.GCM, AesMode.CFB], Encoding = PacketEncoding.RencodePlus, IsFlat = true, IsNested = true, Padding = Legacy, Iterations = 10_000 },
        new("6.1") { Modes = [AesMode.CBC, AesMode.CTR, AesMode.GCM, AesMode.CFB], Encoding = PacketEncoding.RencodePlus, IsNested = true },
        new("6.2") { Modes = [AesMode.CBC, AesMode.CTR, AesMode.CFB], Encoding = PacketEncoding.RencodePlus, IsNested = true, PaddingUnit = 16, PaddingOptions = [Pkcs7], Iterations = 10_000, Stream = true },
        new("6.2 without a stream") { Modes = [AesMode.CBC, AesMode.CTR, AesMode.CFB], Encoding = PacketEncoding.RencodePlus, IsNested = true, PaddingUnit = 16, PaddingOptions = [Pkcs7], Iterations = 10_000, Stream = false },
        new("HTML5") { Modes = [AesMode.CBC], Encoding = PacketEncoding.RencodePlus, Compression = 0, IsNested = true, PaddingUnit = 16, Padding = null, PaddingOptions = [Pkcs7], Stream = false, IsHtml5 = true },
    ];

    public static Generation Named(string name) => All.Single(generation => generation.Name == name);

    /// <summary>A hello with new cipher capabilities, and the parameters they ask the other side to encrypt with.</summary>
    public (XpraDictionary Hello, CipherParameters Parameters) Announce(AesMode mode)
    {
        var parameters = new CipherParameters
        {
            Mode = mode,
            IV = NewIV(),
            Salt = RandomNumberGenerator.GetBytes(64),
            Iterations = Iterations,
            Padding = Padding == Legacy ? PaddingScheme.Legacy : PaddingScheme.Pkcs7,
            PaddingUnit = PaddingUnit,
            Stream = Stream ?? true,
        };
        var hello = Hello();
        if (IsNested)
            hello["encryption"] = Describe(parameters);
        if (IsFlat)
        {
            foreach (var (name, value) in Describe(parameters))
                hello[(string)name == "cipher" ? "cipher" : $"cipher.{name}"] = value;
        }
        return (hello, parameters);
    }

    /// <summary>The parameters that this generation reads from the other side's hello or challenge, to encrypt with.</summary>
    public CipherParameters Read(XpraDictionary capabilities)
    {
        var own = new XpraDictionary();
        foreach (var (key, value) in capabilities)
        {
            if (key is string name && (name == "encryption" ? IsNested : IsFlat && (name == "cipher" || name.StartsWith("cipher.", StringComparison.Ordinal))))
                own[name] = value;
        }
        var parameters = CipherCapabilities.Read(own)!.Parameters;
        return parameters with { PaddingUnit = PaddingUnit, Stream = Stream is not null ? parameters.Stream : true };
    }

    public override string ToString() => Name;

    private XpraDictionary Hello()
    {
        var hello = new XpraDictionary
        {
            ["version"] = Name,
            ["uuid"] = "0123456789abcdef",
            ["ui_client"] = false,
            ["windows"] = false,
            ["ping"] = true,
            ["digest"] = new object?[] { "hmac+sha512", "hmac+sha256" },
            ["salt-digest"] = new object?[] { "hmac+sha512", "hmac+sha256" },
        };
        foreach (var encoding in new[] { Encoding, LaterEncoding })
            hello[encoding == PacketEncoding.Rencode ? "rencode" : "rencodeplus"] = true;
        return hello;
    }

    private XpraDictionary Describe(CipherParameters parameters)
    {
        var capabilities = new XpraDictionary
        {
            ["cipher"] = "AES",
            ["iv"] = System.Text.Encoding.Latin1.GetString(parameters.IV.Span),
            ["key_salt"] = parameters.Salt.ToArray(),
            ["key_stretch_iterations"] = (long)parameters.Iterations,
            ["padding.options"] = PaddingOptions.ToArray<object?>(),
        };
        if (Padding is not null)
            capabilities["padding"] = Padding;
        if (Stream is { } stream)
            capabilities["stream"] = stream;
        if (Name == "3.1")
            return capabilities;
        capabilities["mode"] = CipherNames.ModeName(parameters.Mode);
        capabilities["key_size"] = 32L;
        capabilities["key_hash"] = "SHA1";
        if (!IsHtml5)
            capabilities["key_stretch"] = "PBKDF2";
        return capabilities;
    }

    private byte[] NewIV() => Name == "3.1"
        ? System.Text.Encoding.ASCII.GetBytes(RandomNumberGenerator.GetHexString(16, lowercase: true))
        : IsHtml5
            ? RandomNumberGenerator.GetBytes(16)
            : System.Text.Encoding.ASCII.GetBytes(RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 16));
}
