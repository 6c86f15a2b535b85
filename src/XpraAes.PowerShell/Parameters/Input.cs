namespace XpraAes.PowerShell;

/// <summary>Several inputs of one parameter, each of which may fail by itself.</summary>
internal static class Input
{
    /// <summary>Works on each; what fails becomes an error record, and the next one has its turn.</summary>
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

    /// <summary>The live listener of that id. Throws NotFound.</summary>
    public static AesListener Listener(int id)
        => LiveObjects.Listeners.FirstOrDefault(listener => listener.Id == id) ?? throw NotFound("listener", id, "Get-XpraAesListener");

    /// <summary>The live connection of that id. Throws NotFound.</summary>
    public static XpraConnection Connection(int id)
        => LiveObjects.Connections.FirstOrDefault(connection => connection.Id == id) ?? throw NotFound("connection", id, "Get-XpraAesConnection");

    public static XpraAesException NotFound(string what, int number, string command)
        => new(XpraErrorId.NotFound, $"There is no live {what} {number}.", $"{command} shows those that there are.") { Target = $"{number}" };
}
