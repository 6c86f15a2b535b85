using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>Collects a probe's findings, and says which is the cause.</summary>
internal sealed class ProbeReport(XpraEndpoint endpoint)
{
    private readonly List<(DiagnosisFinding Finding, string Message, string? Action)> _found = [];

    /// <summary>The version that the server reports, or null.</summary>
    public string? PeerVersion { get; set; }

    /// <summary>Adds a finding. A failure replaces earlier passed findings of the same check.</summary>
    public void Add(DiagnosisFinding finding, string message, string? action = null)
    {
        var (check, result) = Findings.Of(finding);
        if (result == DiagnosisResult.Failed)
            _found.RemoveAll(row => Findings.Of(row.Finding) == (check, DiagnosisResult.Passed));
        _found.Add((finding, message, action));
    }

    /// <summary>Adds the finding for a failed connection, with its recommended action or the default one.</summary>
    public void Add(XpraAesException failure)
    {
        var finding = Findings.Of(failure);
        Add(finding, failure.Message, failure.RecommendedAction ?? Findings.AdviceFor(finding));
    }

    /// <summary>The findings in the order in which a connection comes to them, with a row for each check, and the conclusion in the last one.</summary>
    public IReadOnlyList<Diagnosis> ToDiagnoses()
    {
        var rows = _found.Select(row => Create(Findings.Of(row.Finding), row.Finding, row.Message, row.Action)).ToList();
        var cause = rows.FindIndex(row => row.Result == DiagnosisResult.Failed);
        if (cause >= 0)
            rows[cause] = rows[cause] with { IsCause = true };
        var conclusion = Conclude(cause >= 0 ? rows[cause] : null, rows.Find(row => row.Result == DiagnosisResult.Warning));
        foreach (var check in Enum.GetValues<DiagnosisCheck>())
        {
            if (!rows.Exists(row => row.Check == check) && (check != DiagnosisCheck.Tls || endpoint.HasCertificate))
                rows.Add(Create((check, DiagnosisResult.Skipped), DiagnosisFinding.NotChecked, "Not checked: something else is in the way.", null));
        }
        // OrderBy is stable, so findings of one check stay in the order found.
        Diagnosis[] ordered = [.. rows.OrderBy(row => row.Check)];
        ordered[^1] = ordered[^1] with { Conclusion = conclusion };
        return ordered;
    }

    private static string Conclude(Diagnosis? cause, Diagnosis? warning) => (cause, warning) switch
    {
        ({ } failure, _) => $"What to do: {failure.RecommendedAction ?? failure.Message}",
        (_, { } known) => $"AES connections work. What to know: {known.RecommendedAction ?? known.Message}",
        _ => "Nothing to do: AES connections work.",
    };

    private Diagnosis Create((DiagnosisCheck Check, DiagnosisResult Result) kind, DiagnosisFinding finding, string message, string? action) => new()
    {
        Endpoint = endpoint.ToString(),
        Check = kind.Check,
        Result = kind.Result,
        Finding = finding,
        Message = message,
        RecommendedAction = action,
        PeerVersion = PeerVersion,
    };
}
