using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks;

/// <summary>MB/s of every mode and size in a few seconds, one thread, 256 bit keys, in place: what <c>openssl speed -evp aes-256-cbc</c> measures.</summary>
internal static class CipherSpeed
{
    private static readonly int[] Sizes = [64, 256, 1408, 16 * 1024, 64 * 1024, 1024 * 1024];
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(60);
    private const int Rounds = 5;

    public static void Run(string[] modes)
    {
        Console.WriteLine("MB/s, median of " + Rounds + string.Concat(Sizes.Select(size => $"{size,10}")));
        foreach (bool portable in new[] { false, true })
        {
            foreach (var mode in Enum.GetValues<AesMode>())
            {
                if (modes.Length > 0 && !modes.Contains(mode.ToString(), StringComparer.OrdinalIgnoreCase))
                    continue;

                foreach (bool encrypt in new[] { true, false })
                {
                    using var cipher = Create(mode, encrypt, portable);
                    WarmUp(cipher);
                    Console.Write($"{(portable ? "portable" : "hardware"),-9}{mode} {(encrypt ? "encrypt" : "decrypt")}");
                    foreach (int size in Sizes)
                        Console.Write(Measure(cipher, size).ToString("F0", CultureInfo.InvariantCulture).PadLeft(10));

                    Console.WriteLine();
                }
            }
        }
    }

    public static BlockModeCipher Create(AesMode mode, bool encrypt, bool portable)
    {
        var parameters = new CipherParameters { Mode = mode, IV = RandomNumberGenerator.GetBytes(16), Salt = RandomNumberGenerator.GetBytes(64) };
        return PacketCipher.CreateMode(parameters, RandomNumberGenerator.GetBytes(parameters.KeySize), encrypt, portable);
    }

    // Until the compiler has optimised what runs often, which it does in the background.
    private static void WarmUp(BlockModeCipher cipher)
    {
        for (int i = 0; i < 6; i++)
            MeasureRound(cipher, new byte[64]);
    }

    private static double Measure(BlockModeCipher cipher, int size)
    {
        byte[] packet = new byte[size];
        double[] results = Enumerable.Range(0, Rounds).Select(_ => MeasureRound(cipher, packet)).Order().ToArray();
        return results[Rounds / 2];
    }

    private static double MeasureRound(BlockModeCipher cipher, byte[] packet)
    {
        int batch = Math.Max(1, 65536 / packet.Length);
        long bytes = 0;
        long start = Stopwatch.GetTimestamp();
        TimeSpan elapsed;
        do
        {
            for (int i = 0; i < batch; i++)
                cipher.Transform(packet, packet);

            bytes += (long)batch * packet.Length;
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        while (elapsed < Round);

        return bytes / elapsed.TotalSeconds / 1e6;
    }
}
