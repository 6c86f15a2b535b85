using BenchmarkDotNet.Running;
using XpraAes.Benchmarks;

if (args is ["speed", .. var modes])
    CipherSpeed.Run(modes);
else
    BenchmarkSwitcher.FromAssembly(typeof(CipherBenchmarks).Assembly).Run(args);
