using System.Globalization;

namespace XpraAes.Benchmarks.SideBySide;

/// <summary>The table of results; prints each row as soon as it is known.</summary>
internal sealed class Table
{
    private readonly List<Row> _rows = [];

    public IReadOnlyList<Row> Rows => _rows;

    /// <summary>More is better: the goal is at least this many times the peer's. Null for a peer that is not installed, or for no goal. <paramref name="limit"/>: docs/performance.md proves that the goal is out of reach.</summary>
    public void AtLeast(string what, double ours, double? peer, string unit, double? goal, bool limit = false)
        => Add(what, ours, peer, unit, goal is null ? "" : $">= {Number(goal.Value)}", goal is null || ours >= goal * peer, goal is not null, limit);

    /// <summary>Less is better: the goal is at most this many times the peer's.</summary>
    public void AtMost(string what, double ours, double? peer, string unit, double goal, bool limit = false)
        => Add(what, ours, peer, unit, $"<= {Number(goal)}", ours <= goal * peer, hasGoal: true, limit);

    /// <summary>Less is better: the goal is at most this, regardless of the peer.</summary>
    public void AtMostBy(string what, double ours, double? peer, string unit, double difference)
        => Add(what, ours, peer, unit, $"<= {Number(difference)} {unit} more", ours <= peer + difference, hasGoal: true, limit: false);

    /// <summary>Less is better: the goal is this much, whatever the peer has.</summary>
    public void AtMostOf(string what, double ours, double? peer, string unit, double goal, bool limit = false)
        => Add(what, ours, peer, unit, $"<= {Number(goal)} {unit}", ours <= goal, hasGoal: true, limit);

    public static string Number(double value)
        => value.ToString(Math.Abs(value) switch { >= 100 => "N0", >= 10 => "0.#", _ => "0.##" }, CultureInfo.InvariantCulture);

    private void Add(string what, double ours, double? peer, string unit, string goal, bool reached, bool hasGoal, bool limit)
    {
        var verdict = (peer, hasGoal, reached) switch
        {
            (null, _, _) => Verdict.Skipped,
            (_, false, _) => Verdict.Shown,
            (_, _, true) => Verdict.Ok,
            _ => limit ? Verdict.Limit : Verdict.Short,
        };
        var ratio = peer is null or 0 ? "" : (ours / peer.Value).ToString("0.00", CultureInfo.InvariantCulture);
        var row = new Row(what, $"{Number(ours)} {unit}", peer is null ? "not here" : $"{Number(peer.Value)} {unit}", ratio, goal, verdict);
        _rows.Add(row);
        Console.WriteLine($"{row.What,-46} {row.Ours,14} {row.Peer,14} {row.Ratio,8}  {row.Goal,-14} {Word(verdict)}");
    }

    public static string Word(Verdict verdict) => verdict == Verdict.Shown ? "" : verdict.ToString().ToLowerInvariant();
}
