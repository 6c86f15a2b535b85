using System.Diagnostics;
using XpraAes.Diagnostics;

namespace XpraAes.Fuzz;

/// <summary>Runs one target on changed inputs, in this process. Where coverage is measured, inputs that reach something new become the ground for others.</summary>
internal sealed class FuzzLoop(FuzzTarget target, int seed, Coverage? coverage = null)
{
    private const int KindLength = 60, Repetitions = 10;

    private readonly List<byte[]> _corpus = [.. target.Seeds().DefaultIfEmpty([])];
    private readonly Mutator _mutator = new(seed);

    public long Executions { get; private set; }

    /// <summary>The inputs that mutation starts from.</summary>
    public IReadOnlyList<byte[]> Corpus => _corpus;

    /// <summary>Inputs under which the target failed, with what went wrong; one for each kind of failure.</summary>
    public Dictionary<string, (byte[] Input, string Failure)> Findings { get; } = [];

    /// <summary>The longest that one input took, each time that it was run.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>Runs the seeds as they are, then changed inputs, until it is that many in all. A further call goes on from there.</summary>
    public void Run(long executions)
    {
        if (Executions == 0)
        {
            foreach (var input in _corpus.ToArray())
                RunOne(input);
        }
        while (Executions < executions)
        {
            // Half of the time from the later half: what is new is worth more.
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
        // A machine that is busy with other things makes an input slow now and then, but not each time.
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
            // What stands first tells kinds of failures apart.
            Findings.TryAdd(e.Message[..Math.Min(e.Message.Length, KindLength)], (input, e.Message));
        }
        return Stopwatch.GetElapsedTime(started);
    }
}
