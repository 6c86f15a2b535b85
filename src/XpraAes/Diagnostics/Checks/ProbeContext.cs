using XpraAes.Connections;

namespace XpraAes.Diagnostics.Checks;

/// <summary>What the checks of one probe share.</summary>
/// <param name="Options">Where, how and with which keys.</param>
/// <param name="Client">Asks the endpoint.</param>
/// <param name="Report">Takes the findings.</param>
/// <param name="Progress">Told what is being done, in a few words.</param>
internal sealed record ProbeContext(ConnectOptions Options, ProbeClient Client, ProbeReport Report, Action<string> Progress);
