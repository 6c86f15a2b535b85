namespace XpraAes.Fuzz;

/// <summary>A target violated an expectation; the input is a finding.</summary>
internal sealed class FuzzFailureException(string message) : Exception(message);
