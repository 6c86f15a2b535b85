namespace XpraAes.PowerShell;

/// <summary>Handles parameters with several values, each of which may fail separately, and ids of live objects.</summary>
internal static class Input
{
    /// <summary>Processes each value; a failure becomes an error record, and the next value follows.</summary>
    public static void ForEach<T>(this XpraCmdlet cmdlet, IEnumerable<T> inputs, Action<T> work)
    {
        foreach (var input in inputs)
        {
            try
            {
                work(input);
            }
            catch (XpraAesException e)
            {
                cmdlet.WriteError(ErrorRecords.From(e));
            }
        }
    }

    /// <summary>The live listener with that id. Throws NotFound.</summary>
    public static AesListener Listener(int id)
        => LiveObjects.Listeners.FirstOrDefault(listener => listener.Id == id) ?? throw NotFound("listener", id, "Get-XpraAesListener");

    /// <summary>The live connection with that id. Throws NotFound.</summary>
    public static XpraConnection Connection(int id)
        => LiveObjects.Connections.FirstOrDefault(connection => connection.Id == id) ?? throw NotFound("connection", id, "Get-XpraAesConnection");

    public static XpraAesException NotFound(string what, int number, string command)
        => new(XpraErrorId.NotFound, $"There is no live {what} {number}.", $"{command} lists the live ones.") { Target = $"{number}" };
}
