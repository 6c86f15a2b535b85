using System.Globalization;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Our modes compared with <c>openssl speed</c>, one thread each, both by processor time.</summary>
internal static class CipherRows
{
    private const int Small = 1408, Large = 16 * 1024;

    /// <summary>MB/s of openssl's AES-256-CBC encryption by size, for later comparisons.</summary>
    public static Dictionary<int, double?> CbcOfOpenSsl { get; } = [];

    public static void Measure(Table table, Settings settings)
    {
        var sizes = settings.Quick ? CipherSpeed.Sizes.Where(size => size == Large) : CipherSpeed.Sizes;
        foreach (var size in sizes)
        {
            var cbc = Compare(table, settings, AesMode.CBC, true, size, "aes-256-cbc", size >= Large ? 0.95 : null);
            CbcOfOpenSsl[size] = cbc;
            Compare(table, settings, AesMode.CBC, false, size, "aes-256-cbc", size >= Small ? 0.95 : null);
            var ctr = Compare(table, settings, AesMode.CTR, true, size, "aes-256-ctr", size >= Large ? 0.97 : null);
            table.AtLeast(Name(AesMode.GCM, true, size), Ours(settings, AesMode.GCM, size), ctr, "MB/s", size >= Large ? 0.97 : null);
            table.AtLeast(Name(AesMode.CFB, true, size) + " to CBC", Ours(settings, AesMode.CFB, size), cbc, "MB/s", 0.5);
        }
    }

    private static double? Compare(Table table, Settings settings, AesMode mode, bool encrypt, int size, string openSslName, double? goal)
    {
        using var cipher = CipherSpeed.Create(mode, encrypt, portable: false);
        CipherSpeed.WarmUp(cipher);
        double? peer = null;
        double ours;
        if (Tools.Find("openssl") is { } openSsl)
        {
            var medians = settings.Medians(() => CipherSpeed.Measure(cipher, size), () => OpenSsl(openSsl, openSslName, encrypt, size));
            (ours, peer) = (medians[0], medians[1]);
        }
        else
        {
            ours = settings.Medians(() => CipherSpeed.Measure(cipher, size))[0];
        }
        table.AtLeast(Name(mode, encrypt, size), ours, peer, "MB/s", goal);
        return peer;
    }

    private static double Ours(Settings settings, AesMode mode, int size)
    {
        using var cipher = CipherSpeed.Create(mode, encrypt: true, portable: false);
        CipherSpeed.WarmUp(cipher);
        return settings.Medians(() => CipherSpeed.Measure(cipher, size))[0];
    }

    // Machine readable: +F:number:name:bytes a second
    private static double OpenSsl(string program, string name, bool encrypt, int size)
    {
        string[] direction = encrypt ? [] : ["-decrypt"];
        var output = Tools.Run(program, ["speed", "-mr", "-seconds", "1", "-bytes", size.ToString(CultureInfo.InvariantCulture), .. direction, "-evp", name])
            ?? throw new InvalidOperationException("openssl speed failed.");
        var line = output.Split('\n').Last(line => line.StartsWith("+F:", StringComparison.Ordinal));
        return double.Parse(line.Split(':')[^1], CultureInfo.InvariantCulture) / 1e6;
    }

    private static string Name(AesMode mode, bool encrypt, int size) => $"{mode} {(encrypt ? "encrypt" : "decrypt")}, {Sizes.Name(size)}";
}
