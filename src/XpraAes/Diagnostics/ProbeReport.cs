using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>Collects what a probe finds, and puts the cause first.</summary>
internal sealed class ProbeReport(XpraEndpoint endpoint)
{
    private readonly List<(DiagnosisFinding Finding, string Message, string? Action)> _found = [];

    /// <summary>The version that the server names; null while it has named none.</summary>
    public string? PeerVersion { get; set; }

    /// <summary>What fails in the end has not passed, however it looked on the way.</summary>
    public void Add(DiagnosisFinding finding, string message, string? action = null)
    {
        var (check, result) = Findings.Of(finding);
        if (result == DiagnosisResult.Failed)
            _found.RemoveAll(row => Findings.Of(row.Finding) == (check, DiagnosisResult.Passed));
        _found.Add((finding, message, action));
    }

    /// <summary>Adds what a failed connection shows, with its own advice or ours.</summary>
    public void Add(XpraAesException failure)
    {
        var finding = Findings.Of(failure);
        Add(finding, failure.Message, failure.RecommendedAction ?? Findings.AdviceFor(finding));
    }

    /// <summary>Failures in the order in which they were found, then warnings, then a row for each check that has none of these.</summary>
    public IReadOnlyList<Diagnosis> ToDiagnoses()
    {
        var rows = _found.Select(row => Create(Findings.Of(row.Finding), row.Finding, row.Message, row.Action)).ToList();
        foreach (var check in Enum.GetValues<DiagnosisCheck>())
        {
            if (!rows.Exists(row => row.Check == check))
                rows.Add(Create((check, DiagnosisResult.Skipped), DiagnosisFinding.NotChecked, "Not checked: something else is in the way.", null));
        }
        return [.. rows.OrderBy(Rank)];
    }

    // OrderBy keeps the order of equals: that of the finding among failures and warnings.
    private static int Rank(Diagnosis row) => row.Result switch
    {
        DiagnosisResult.Failed => -2,
        DiagnosisResult.Warning => -1,
        _ => (int)row.Check,
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
