using System.Diagnostics;
using System.Globalization;
using XpraAes.Ciphers;
using XpraAes.Packets;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>Whole packets with header, padding and encryption, compared with xpra's Python. Both by processor time.</summary>
internal static class PacketRows
{
    private static readonly TimeSpan s_time = TimeSpan.FromMilliseconds(60);

    private static readonly (int Size, double Goal, double ShareOfOpenSsl)[] s_sizes =
        [(256, 5, 0.5), (1408, 2, 0.9), (16 * 1024, 1.2, 0.9), (64 * 1024, 1, 0.9), (1024 * 1024, 1, 0.9)];

    public static void Measure(Table table, Settings settings)
    {
        using var python = StartPython();
        foreach (var mode in new[] { AesMode.CTR, AesMode.CFB, AesMode.GCM, AesMode.CBC })
        {
            foreach (var (size, goal, share) in settings.Quick ? [s_sizes[0], s_sizes[2]] : s_sizes)
                Compare(table, settings, python, mode, stream: true, size, goal, share);
            Compare(table, settings, python, mode, stream: false, 256, 10, null);
        }
    }

    private static void Compare(Table table, Settings settings, Process? python, AesMode mode, bool stream, int size, double goal, double? shareOfOpenSsl)
    {
        var parameters = CipherSpeed.Parameters(mode, stream);
        using var writer = new PacketWriter(Stream.Null);
        writer.Arm(PacketCipher.CreateEncryptor(parameters, new byte[parameters.KeySize]));
        var data = new byte[size];
        Func<double> ours = () => Ours(writer, data);
        for (var i = 0; i < 8; i++)
            ours();
        var medians = python is null ? settings.Medians(ours) : settings.Medians(ours, () => OfPython(python, mode, stream, size));
        double? peer = python is null ? null : medians[1];
        if (mode == AesMode.CBC && shareOfOpenSsl is { } share && peer is not null && CipherRows.CbcOfOpenSsl.GetValueOrDefault(size) is { } openSsl)
            goal = Math.Min(goal, share * openSsl / peer.Value);
        var what = $"packet {mode}{(stream ? "" : ", stream false")}, {Sizes.Name(size)}";
        table.AtLeast(what, medians[0], peer, "MB/s", goal);
        if (mode == AesMode.CTR && !stream)
            table.AtLeast($"{what}, to 2.5 GB/s", medians[0], 2500, "MB/s", 1);
    }

    private static double Ours(PacketWriter writer, byte[] data)
        => data.Length / 1e6 * CipherSpeed.PerSecond(s_time, Math.Max(1, CipherSpeed.BatchSize / data.Length), () =>
        {
            writer.Append(0x10, 0, 0, data);
            // As often as the relay does. It completes synchronously: the stream discards the bytes.
            if (writer.Pending >= 64 * 1024)
                writer.FlushAsync(CancellationToken.None).AsTask().Wait();
        });

    private static Process? StartPython()
    {
        // Debian's own Python first, since its xpra runs with it.
        foreach (var python in new[] { "/usr/bin/python3", Tools.Find("python3") })
        {
            if (python is not null && File.Exists(python) && Tools.Run(python, "-c", "import cryptography") is not null)
            {
                var script = Path.Combine(AppContext.BaseDirectory, "xpra_packets.py");
                return Process.Start(new ProcessStartInfo(python, script) { RedirectStandardInput = true, RedirectStandardOutput = true });
            }
        }
        return null;
    }

    private static double OfPython(Process python, AesMode mode, bool stream, int size)
    {
        python.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{mode} {(stream ? 1 : 0)} {size} {s_time.TotalSeconds}"));
        return double.Parse(python.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture) * size / 1e6;
    }
}
