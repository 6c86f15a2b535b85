using System.Diagnostics;
using System.Globalization;
using XpraAes.Administration;
using XpraAes.Benchmarks.Traffic;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Benchmarks;

/// <summary>
/// <c>requests</c>: information from 200 servers, 64 at a time, each of which answers after 50 ms. Both ends run here. With AES, a request
/// takes three key derivations at the client and four at the listener; further rows are these derivations and nothing else. Then the work of reading
/// the information of a server with very many windows.
/// </summary>
internal static class RequestSpeed
{
    private const int Servers = 200, AtATime = 64, DerivationsForEach = 7, Runs = 3;

    public static async Task RunAsync()
    {
        Console.WriteLine($"{Servers} servers, {AtATime} at a time, median of {Runs} runs");
        using var key = XpraKey.Generate();
        foreach (var iterations in (int[])[10_000, 1000])
        {
            await using var servers = new DelayedServers(key, iterations);
            await ShowAsync($"AES, {iterations} iterations", () => AskAllAsync(TransportKind.Tcp, servers.Port, key, iterations)).ConfigureAwait(false);
            if (iterations == 1000)
                await ShowAsync("tls-psk", () => AskAllAsync(TransportKind.TlsPsk, servers.Port, key, iterations)).ConfigureAwait(false);
        }
        foreach (var iterations in (int[])[10_000, 1000])
            await ShowAsync($"derivations alone, {iterations} iterations", () => Task.Run(() => DeriveAll(key, iterations))).ConfigureAwait(false);
        foreach (var isFlat in (bool[])[false, true])
        {
            var information = new InformationBenchmarks { Encoding = PacketEncoding.RencodePlus, IsFlat = isFlat };
            information.Setup();
            await ShowAsync($"information of 10,000 windows, {(isFlat ? "flat" : "nested")}", () => Task.Run(information.Read)).ConfigureAwait(false);
        }
    }

    private static async Task ShowAsync(string what, Func<Task> run)
    {
        await run().ConfigureAwait(false); // compiles, and stretches the key for tls-psk once
        var times = new List<(TimeSpan Elapsed, TimeSpan Processor)>();
        for (var i = 0; i < Runs; i++)
        {
            var (started, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            await run().ConfigureAwait(false);
            times.Add((Stopwatch.GetElapsedTime(started), Environment.CpuUsage.TotalTime - used));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-40} {Median(times.Select(time => time.Elapsed)),8:0} ms {Median(times.Select(time => time.Processor)),8:0} ms of processor time"));
    }

    private static double Median(IEnumerable<TimeSpan> times) => times.Order().ElementAt(Runs / 2).TotalMilliseconds;

    private static Task AskAllAsync(TransportKind transport, int port, XpraKey key, int iterations)
        => Parallel.ForEachAsync(Enumerable.Range(0, Servers), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (server, token) =>
        {
            var options = new ConnectOptions { Endpoint = new XpraEndpoint(transport, DelayedServers.AddressOf(server), port), Key = key, Iterations = iterations };
            var info = await new ConnectionRequests(options).GetInfoAsync(token).ConfigureAwait(false);
            if (ServerInformation.Summarize(ServerInformation.Normalize(info), "").Version is null)
                throw new InvalidOperationException("The answer is incomplete.");
        });

    private static void DeriveAll(XpraKey key, int iterations) => Parallel.For(0, Servers * DerivationsForEach, _ =>
    {
        Span<byte> derived = stackalloc byte[ProtocolDefaults.KeySize];
        KeyStretching.Derive(key.Data, CipherSpeed.Parameters(AesMode.CBC) with { Iterations = iterations }, derived);
    });
}
