namespace XpraAes.PowerShell;

/// <summary>Completes the ids of live connections.</summary>
internal sealed class ConnectionIdCompleter : LiveIdCompleter
{
    private protected override IEnumerable<(int Id, string Meaning)> Live => LiveObjects.Connections.Select(connection => (connection.Id, $"{connection}"));
}
