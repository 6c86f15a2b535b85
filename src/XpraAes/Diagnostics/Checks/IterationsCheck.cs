namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the server accepts the number of PBKDF2 iterations.</summary>
internal sealed class IterationsCheck(ProbeContext context)
{
    public void ReportAccepted() => context.Report.Add(DiagnosisFinding.IterationsAccepted, $"The server accepts {context.Options.Iterations} iterations.");

    /// <summary>The server answers when asked for the number that every version accepts.</summary>
    public void ReportRejected()
        => context.Report.Add(DiagnosisFinding.IterationsRejected, $"The server accepts {ProtocolDefaults.Iterations} iterations, but not {context.Options.Iterations}.", $"Use -Iterations {ProtocolDefaults.Iterations}, which every version accepts.");
}
