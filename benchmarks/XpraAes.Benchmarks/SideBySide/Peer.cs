using System.Diagnostics;
using System.Globalization;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>A program under test in its own process, from start to end.</summary>
internal sealed class Peer : IDisposable
{
    private const double TicksPerSecond = 100; // USER_HZ, which is the same on every Linux

    private readonly Process _process;

    private Peer(Process process) => _process = process;

    /// <summary>The port that it listens on.</summary>
    public int Port { get; private init; }

    /// <summary>Starts this program's own host of that name, optionally pinned to these processors, and waits until it listens.</summary>
    public static Peer StartHost(string arguments, string? processors = null)
    {
        var command = $"{Environment.ProcessPath} {(Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? typeof(Peer).Assembly.Location : "")} {arguments}";
        return StartAnswering(processors is null ? command : $"taskset -c {processors} {command}");
    }

    /// <summary>Starts a program whose first line is the port that it listens on, and which answers each further line that it is sent with one.</summary>
    public static Peer StartAnswering(string command)
    {
        var process = Start(command);
        return new Peer(process) { Port = int.Parse(process.StandardOutput.ReadLine() ?? "0", CultureInfo.InvariantCulture) };
    }

    /// <summary>Starts another program that listens on a given port.</summary>
    public static Peer StartProgram(string command, int port) => new(Start(command)) { Port = port };

    /// <summary>Processor time so far in seconds, user and system, of all threads: /proc/PID/stat, fields 14 and 15.</summary>
    public double ProcessorTime
    {
        get
        {
            var stat = File.ReadAllText($"/proc/{_process.Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
        }
    }

    /// <summary>Resident memory in bytes: /proc/PID/status, VmRSS.</summary>
    public double Memory => Status("VmRSS");

    /// <summary>The part of it that is not pages of files, such as programs and libraries, which the system can drop and all processes share: RssAnon and RssShmem.</summary>
    public double PrivateMemory => Status("RssAnon") + Status("RssShmem");

    /// <summary>Sends one of our hosts, or a program that answers, a line, and returns its answer.</summary>
    public string Ask(string question)
    {
        _process.StandardInput.WriteLine(question);
        return _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The host has ended.");
    }

    /// <summary>Asks our gateway how many bytes it has allocated and how many packets it has forwarded so far.</summary>
    public (double Allocated, double Packets) AskForAllocations()
    {
        var answer = Ask("").Split(' ');
        return (Number(answer[0]), Number(answer[1]));
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true); // nginx has workers
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>A line of /proc/PID/status, which gives kB, in bytes.</summary>
    private double Status(string name)
        => Number(File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;

    private static Process Start(string command)
    {
        var parts = command.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries);
        return Process.Start(new ProcessStartInfo(parts[0], parts[1]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
    }

    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
