using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using SharpFuzz;
using XpraAes.Fuzz;

// run [EXECUTIONS [SEED [TARGET...]]]   guided by coverage, in a copy of this program with the library instrumented; each row counts from the target's start
// blind EXECUTIONS SEED [TARGET...]     the same without instrumentation
// one TARGET FILE...                    runs single inputs, such as the findings of a run
// afl TARGET                            under afl-fuzz: see docs/reliability.md
// salts FOLDER                          saves new salts there until it is killed, and prints each saved one
// instrument                            copies this program to the current folder, with the library instrumented
const int DefaultExecutions = 1_000_000, ExecutionsInRow = 250_000;

return args switch
{
    ["run", ..] when !Coverage.IsInstrumented => RunInstrumented(args),
    ["run" or "blind", ..] => Run(args),
    ["one", var name, .. var files] => RunFiles(Target(name), files),
    ["afl", var name] => RunUnderAfl(Target(name)),
    ["salts", var folder] => SaltWriter.Run(folder),
    ["instrument"] => Instrument(Path.GetFullPath(".")),
    _ => Explain(),
};

static int Run(string[] args)
{
    var executions = args.Length > 1 ? long.Parse(args[1], CultureInfo.InvariantCulture) : DefaultExecutions;
    var seed = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 1;
    var targets = args.Length > 3 ? args[3..].Select(Target) : FuzzTarget.All;
    var findings = 0;
    Console.WriteLine($"{"target",-12} {"executions",12} {"seconds",8} {"edges",6} {"seeds",6} {"corpus",7} {"slowest ms",10} {"findings",8}");
    foreach (var target in targets)
    {
        var coverage = Coverage.IsInstrumented ? new Coverage() : null;
        var loop = new FuzzLoop(target, seed, coverage);
        var seeds = loop.Corpus.Count;
        var started = Stopwatch.GetTimestamp();
        while (loop.Executions < executions)
        {
            loop.Run(Math.Min(executions, loop.Executions + ExecutionsInRow));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{target,-12} {loop.Executions,12} {Stopwatch.GetElapsedTime(started).TotalSeconds,8:0} {coverage?.Edges,6} {seeds,6} {loop.Corpus.Count,7} {loop.Slowest.TotalMilliseconds,10:0.0} {loop.Findings.Count,8}"));
        }
        foreach (var (input, failure) in loop.Findings.Values)
            Console.WriteLine($"  {Keep(target, input)}\n    {failure.ReplaceLineEndings("\n    ")}");
        findings += loop.Findings.Count;
    }
    return findings == 0 ? 0 : 1;
}

static int RunFiles(FuzzTarget target, string[] files)
{
    foreach (var file in files)
        target.Run(File.ReadAllBytes(file));
    return 0;
}

static int RunUnderAfl(FuzzTarget target)
{
    Fuzzer.OutOfProcess.Run(stream =>
    {
        var input = new MemoryStream();
        stream.CopyTo(input);
        target.Run(input.ToArray());
    });
    return 0;
}

static int RunInstrumented(string[] args)
{
    var folder = Directory.CreateTempSubdirectory("xpra-fuzz-").FullName;
    try
    {
        Instrument(folder);
        // `dotnet run` starts the program's own executable; with `dotnet XpraAes.Fuzz.dll` it is the dotnet host.
        var host = Environment.ProcessPath!;
        using var child = Path.GetFileName(host).StartsWith("XpraAes.Fuzz", StringComparison.Ordinal)
            ? Process.Start(Path.Combine(folder, Path.GetFileName(host)), args)
            : Process.Start(host, ["exec", Path.Combine(folder, "XpraAes.Fuzz.dll"), .. args]);
        child.WaitForExit();
        return child.ExitCode;
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
}

static int Instrument(string folder)
{
    foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
    {
        var copy = Path.Combine(folder, Path.GetRelativePath(AppContext.BaseDirectory, file));
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(file, copy, overwrite: true);
    }
    // Logging does not depend on the input, and its generated code is large.
    Fuzzer.Instrument(Path.Combine(folder, "XpraAes.dll"), type => !type.Contains(".Diagnostics.", StringComparison.Ordinal), Options.Value);
    Fuzzer.Instrument(Path.Combine(folder, "K4os.Compression.LZ4.dll"), _ => true, Options.Value);
    return 0;
}

static string Keep(FuzzTarget target, byte[] input)
{
    var path = Path.GetFullPath($"{target}-{Convert.ToHexStringLower(SHA256.HashData(input))[..16]}.bin");
    File.WriteAllBytes(path, input);
    return path;
}

static FuzzTarget Target(string name)
    => FuzzTarget.All.FirstOrDefault(target => target.Name == name) ?? throw new ArgumentException($"There is no target {name}: there are {string.Join(", ", FuzzTarget.All)}.");

static int Explain()
{
    Console.Error.WriteLine($"run [EXECUTIONS [SEED [TARGET...]]] | blind EXECUTIONS SEED [TARGET...] | one TARGET FILE... | afl TARGET | instrument\ntargets: {string.Join(", ", FuzzTarget.All)}");
    return 2;
}
