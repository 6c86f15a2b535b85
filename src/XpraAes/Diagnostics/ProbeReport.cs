using XpraAes.Transports;

namespace XpraAes.Diagnostics;

/// <summary>Collects a probe's findings and puts the cause first.</summary>
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

    /// <summary>Failures in the order found, then warnings, then a row for each other check.</summary>
    public IReadOnlyList<Diagnosis> ToDiagnoses()
    {
        var rows = _found.Select(row => Create(Findings.Of(row.Finding), row.Finding, row.Message, row.Action)).ToList();
        foreach (var check in Enum.GetValues<DiagnosisCheck>())
        {
            if (!rows.Exists(row => row.Check == check) && (check != DiagnosisCheck.Tls || endpoint.HasCertificate))
                rows.Add(Create((check, DiagnosisResult.Skipped), DiagnosisFinding.NotChecked, "Not checked: something else is in the way.", null));
        }
        return [.. rows.OrderBy(Rank)];
    }

    // OrderBy is stable, so failures and warnings stay in the order found.
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
