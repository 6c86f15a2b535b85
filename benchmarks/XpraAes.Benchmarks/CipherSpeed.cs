using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using XpraAes.Ciphers;

namespace XpraAes.Benchmarks;

/// <summary>MB/s of every mode and size within seconds: one thread, 256-bit keys, in place, by processor time, like <c>openssl speed -evp aes-256-cbc</c>.</summary>
internal static class CipherSpeed
{
    public static readonly int[] Sizes = [64, 256, 1408, 16 * 1024, 64 * 1024, 1024 * 1024];
    private static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(150);
    private const int Rounds = 5;

    /// <summary>Bytes between two looks at the clock, which take half a microsecond each.</summary>
    public const int BatchSize = 4 * 1024 * 1024;

    public static void Run(string[] modes)
    {
        Console.WriteLine("MB/s, median of " + Rounds + string.Concat(Sizes.Select(size => $"{size,10}")));
        foreach (var portable in new[] { false, true })
        {
            foreach (var mode in Enum.GetValues<AesMode>())
            {
                if (modes.Length > 0 && !modes.Contains(mode.ToString(), StringComparer.OrdinalIgnoreCase))
                    continue;

                foreach (var encrypt in new[] { true, false })
                {
                    using var cipher = Create(mode, encrypt, portable);
                    WarmUp(cipher);
                    Console.Write($"{(portable ? "portable" : "hardware"),-9}{mode} {(encrypt ? "encrypt" : "decrypt")}");
                    foreach (var size in Sizes)
                    {
                        var results = Enumerable.Range(0, Rounds).Select(_ => Measure(cipher, size)).Order().ToArray();
                        Console.Write(results[Rounds / 2].ToString("F0", CultureInfo.InvariantCulture).PadLeft(10));
                    }

                    Console.WriteLine();
                }
            }
        }
    }

    public static BlockModeCipher Create(AesMode mode, bool encrypt, bool portable)
    {
        var parameters = Parameters(mode);
        return PacketCipher.CreateMode(parameters, RandomNumberGenerator.GetBytes(parameters.KeySize), encrypt, portable);
    }

    public static CipherParameters Parameters(AesMode mode, bool stream = true)
        => new() { Mode = mode, IV = RandomNumberGenerator.GetBytes(16), Salt = RandomNumberGenerator.GetBytes(64), Stream = stream };

    /// <summary>Warm-up, until the JIT compiler has optimized the hot code in the background.</summary>
    public static void WarmUp(BlockModeCipher cipher)
    {
        for (var i = 0; i < 4; i++)
        {
            Measure(cipher, 64);
            Measure(cipher, 16 * 1024); // other code than that of short messages
        }
    }

    /// <summary>MB/s of calls of this size, on memory aligned to a cache line like openssl's.</summary>
    public static double Measure(BlockModeCipher cipher, int size)
    {
        const int Line = 64;
        var buffer = GC.AllocateArray<byte>(size + Line, pinned: true);
        var packet = buffer.AsMemory((int)(Line - Marshal.UnsafeAddrOfPinnedArrayElement(buffer, 0) % Line), size);
        return PerSecond(s_round, Math.Max(1, BatchSize / size), () => cipher.Transform(packet.Span, packet.Span)) * size / 1e6;
    }

    /// <summary>How often an action runs per second of processor time.</summary>
    public static double PerSecond(TimeSpan time, int batch, Action action)
    {
        long count = 0;
        var start = Environment.CpuUsage.TotalTime;
        TimeSpan used;
        do
        {
            for (var i = 0; i < batch; i++)
                action();

            count += batch;
            used = Environment.CpuUsage.TotalTime - start;
        }
        while (used < time);

        return count / used.TotalSeconds;
    }
}
