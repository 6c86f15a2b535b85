using System.Net.Sockets;
using System.Reflection;

namespace XpraAes.Transports;

/// <summary>
/// Has what waits for a socket go on at once, on the one thread that learns of data for all sockets, in place of a thread of the
/// pool that first has to wake up. For what takes microseconds and never blocks. .NET has the switch for each socket, on Unix,
/// but does not offer it to compilers; where a version has it no more, everything goes by the pool as it always does.
/// </summary>
internal static class InlineCompletions
{
    private static readonly Action<Socket, bool>? s_prefer = typeof(Socket)
        .GetProperty("PreferInlineCompletions", BindingFlags.Instance | BindingFlags.NonPublic)?.SetMethod?.CreateDelegate<Action<Socket, bool>>();

    /// <summary>Whether this version of .NET has the switch.</summary>
    public static bool IsSupported => s_prefer is not null;

    /// <summary>Sets it for one socket, whatever waits for it.</summary>
    public static void Prefer(Socket socket, bool inline) => s_prefer?.Invoke(socket, inline);
}
