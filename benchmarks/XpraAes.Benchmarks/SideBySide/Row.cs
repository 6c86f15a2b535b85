namespace XpraAes.Benchmarks.SideBySide;

/// <summary>One row of the comparison.</summary>
internal sealed record Row(string What, string Ours, string Peer, string Ratio, string Goal, Verdict Verdict);
