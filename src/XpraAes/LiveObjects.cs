namespace XpraAes;

/// <summary>Every live listener and connection of this process, whichever runspace created it.</summary>
public static class LiveObjects
{
    /// <summary>The listeners that are not stopped, oldest first.</summary>
    public static IReadOnlyList<AesListener> Listeners => LiveRegistry<AesListener>.All;

    /// <summary>The connections that are not closed, inbound and outbound, oldest first.</summary>
    public static IReadOnlyList<XpraConnection> Connections => LiveRegistry<XpraConnection>.All;

    /// <summary>Closes everything within two seconds, with disconnect packets where possible; for when the module is removed or the process exits.</summary>
    public static async Task CloseAllAsync()
    {
        var endings = Listeners.Select(listener => listener.StopAsync(TimeSpan.FromSeconds(1)))
            .Concat(Connections.Where(connection => connection.Direction == ConnectionDirection.Outbound).Select(connection => connection.CloseAsync()));
        await Task.WhenAny(Task.WhenAll(endings), Task.Delay(TimeSpan.FromSeconds(2))).ConfigureAwait(false);
    }
}
