using XpraAes.Connections;

namespace XpraAes.Diagnostics.Checks;

/// <summary>Shared by the checks of one probe.</summary>
/// <param name="Options">Endpoint, cipher options and keys.</param>
/// <param name="Client">Asks the endpoint.</param>
/// <param name="Report">Collects the findings.</param>
/// <param name="Progress">Called with a short description of each step.</param>
internal sealed record ProbeContext(ConnectOptions Options, ProbeClient Client, ProbeReport Report, Action<string> Progress);
