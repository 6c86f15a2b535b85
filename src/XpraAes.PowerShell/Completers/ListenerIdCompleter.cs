namespace XpraAes.PowerShell;

/// <summary>Completes the ids of live listeners.</summary>
internal sealed class ListenerIdCompleter : LiveIdCompleter
{
    private protected override IEnumerable<(int Id, string Meaning)> Live => LiveObjects.Listeners.Select(listener => (listener.Id, $"{listener}"));
}
