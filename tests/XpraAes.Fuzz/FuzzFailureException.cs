namespace XpraAes.Fuzz;

/// <summary>A target did what it must not do: the input that made it do so is a finding.</summary>
internal sealed class FuzzFailureException(string message) : Exception(message);
