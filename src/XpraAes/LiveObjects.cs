using System.Collections.Concurrent;

namespace XpraAes;

/// <summary>Every live listener and connection of this process, whichever runspace made it: runspaces come and go.</summary>
public static class LiveObjects
{
    private static readonly ConcurrentDictionary<int, AesListener> s_listeners = new();
    private static readonly ConcurrentDictionary<int, XpraConnection> s_connections = new();
    private static int s_lastId;

    /// <summary>The listeners that are not stopped, oldest first.</summary>
    public static IReadOnlyList<AesListener> Listeners => [.. s_listeners.Values.OrderBy(listener => listener.Id)];

    /// <summary>The connections that are not closed, of listeners and of our own making, oldest first.</summary>
    public static IReadOnlyList<XpraConnection> Connections => [.. s_connections.Values.OrderBy(connection => connection.Id)];

    /// <summary>Ends everything, politely but within two seconds; for the module's removal and the process's exit.</summary>
    public static async Task CloseAllAsync()
    {
        var endings = Listeners.Select(listener => listener.StopAsync(TimeSpan.FromSeconds(1)))
            .Concat(Connections.Where(connection => connection.Direction == ConnectionDirection.Outbound).Select(connection => connection.CloseAsync()));
        await Task.WhenAny(Task.WhenAll(endings), Task.Delay(TimeSpan.FromSeconds(2))).ConfigureAwait(false);
    }

    internal static int NextId() => Interlocked.Increment(ref s_lastId);

    internal static void Add(AesListener listener) => s_listeners[listener.Id] = listener;

    internal static void Add(XpraConnection connection) => s_connections[connection.Id] = connection;

    internal static void Remove(AesListener listener) => s_listeners.TryRemove(listener.Id, out _);

    internal static void Remove(XpraConnection connection) => s_connections.TryRemove(connection.Id, out _);
}
