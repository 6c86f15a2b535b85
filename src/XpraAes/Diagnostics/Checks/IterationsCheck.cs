namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server takes the number of PBKDF2 iterations.</summary>
internal sealed class IterationsCheck(ProbeContext context)
{
    public void ReportAccepted() => context.Report.Add(DiagnosisFinding.IterationsAccepted, $"The server takes {context.Options.Iterations} iterations.");

    /// <summary>The server answers where it is asked for the number that every version takes.</summary>
    public void ReportRejected()
        => context.Report.Add(DiagnosisFinding.IterationsRejected, $"The server takes {ProtocolDefaults.Iterations} iterations, and not {context.Options.Iterations}.", $"Use -Iterations {ProtocolDefaults.Iterations}, which suits every version.");
}
