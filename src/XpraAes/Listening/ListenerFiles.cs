namespace XpraAes.Listening;

/// <summary>The files and addresses that belong to a listener as a whole.</summary>
/// <param name="LogPath">The full path of its log; null for none.</param>
/// <param name="AuditLogPath">The full path of its audit log; null for none.</param>
/// <param name="ManagementAddress">Where its health and metrics are; null for nowhere.</param>
internal sealed record ListenerFiles(string? LogPath, string? AuditLogPath, string? ManagementAddress);
