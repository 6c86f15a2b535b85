using System.Diagnostics;
using XpraAes.Diagnostics;

namespace XpraAes.Fuzz;

/// <summary>Runs one target on mutated inputs, in this process. With coverage, inputs that reach new code are mutated further.</summary>
internal sealed class FuzzLoop(FuzzTarget target, int seed, Coverage? coverage = null)
{
    private const int KindLength = 60, Repetitions = 10;

    private readonly List<byte[]> _corpus = [.. target.Seeds().DefaultIfEmpty([])];
    private readonly Mutator _mutator = new(seed);

    public long Executions { get; private set; }

    /// <summary>The inputs that mutation starts from.</summary>
    public IReadOnlyList<byte[]> Corpus => _corpus;

    /// <summary>Inputs that made the target fail, with the failure; one for each kind.</summary>
    public Dictionary<string, (byte[] Input, string Failure)> Findings { get; } = [];

    /// <summary>The time of the slowest input, taken as the fastest of its repeated runs.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>Runs the seeds, then mutated inputs, up to that many in all. Another call continues from there.</summary>
    public void Run(long executions)
    {
        if (Executions == 0)
        {
            foreach (var input in _corpus.ToArray())
                RunOne(input);
        }
        while (Executions < executions)
        {
            // Half of the time from the later half: newer inputs are more interesting.
            var from = _mutator.Random.Next(2) == 0 ? _corpus.Count / 2 : 0;
            var input = _mutator.Change(_corpus[_mutator.Random.Next(from, _corpus.Count)], _corpus);
            if (RunOne(input))
                _corpus.Add(input);
        }
    }

    private bool RunOne(byte[] input)
    {
        Executions++;
        coverage?.Start();
        var took = Time(input);
        var isNew = coverage?.IsNew() == true;
        // On a busy machine an input may be slow once, but not every time.
        for (var i = 0; took > target.TimeFor(input.Length) && i < Repetitions; i++)
            took = new[] { took, Time(input) }.Min();
        if (took > target.TimeFor(input.Length))
            Findings.TryAdd("time", (input, $"{input.Length} bytes take {took.TotalMilliseconds:0} ms; {target.TimeFor(input.Length).TotalMilliseconds:0} ms are enough."));
        if (took > Slowest)
            Slowest = took;
        return isNew;
    }

    private TimeSpan Time(byte[] input)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            target.Run(input);
        }
        catch (FuzzFailureException e)
        {
            // The beginning of the message distinguishes kinds of failures.
            Findings.TryAdd(e.Message[..Math.Min(e.Message.Length, KindLength)], (input, e.Message));
        }
        return Stopwatch.GetElapsedTime(started);
    }
}
