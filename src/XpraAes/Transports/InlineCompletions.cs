using System.Net.Sockets;
using System.Reflection;

namespace XpraAes.Transports;

/// <summary>
/// Runs a socket's continuations on the thread that polls all sockets, without waking a pool thread. Only for work that takes
/// microseconds and never blocks. Uses a non-public property of .NET on Unix; without it, everything runs on the pool as usual.
/// </summary>
internal static class InlineCompletions
{
    private static readonly Action<Socket, bool>? s_prefer = typeof(Socket)
        .GetProperty("PreferInlineCompletions", BindingFlags.Instance | BindingFlags.NonPublic)?.SetMethod?.CreateDelegate<Action<Socket, bool>>();

    /// <summary>Whether this version of .NET has the switch.</summary>
    public static bool IsSupported => s_prefer is not null;

    /// <summary>Switches it on or off for one socket.</summary>
    public static void Prefer(Socket socket, bool inline) => s_prefer?.Invoke(socket, inline);
}
