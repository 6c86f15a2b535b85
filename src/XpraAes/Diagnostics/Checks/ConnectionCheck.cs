namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the connection is established.</summary>
internal static class ConnectionCheck
{
    public static void ReportConnected(ProbeReport report) => report.Add(DiagnosisFinding.Connected, "The connection was established.");
}
