using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>
/// The listening sockets that systemd has passed to this process (sd_listen_fds(3), systemd.socket(5)). It keeps them open itself: while the process is
/// started again, clients wait in their backlog instead of being refused.
/// </summary>
/// <remarks>
/// They are left without FD_CLOEXEC: .NET shuts down sockets that have it when they are closed, and a listening socket that is shut down accepts no more
/// clients for anyone.
/// </remarks>
internal static class ActivatedSockets
{
    private const int FirstDescriptor = 3; // SD_LISTEN_FDS_START

    private static readonly object s_gate = new();
    private static List<(Socket Socket, string Name)>? s_passed;

    /// <summary>The socket that was passed for this endpoint, and its name (FileDescriptorName=); null if there is none. A passed socket for all addresses is also one for all IPv4 addresses. Each is given out once.</summary>
    /// <exception cref="XpraAesException">AddressUnavailable: one was passed for the same port on another address.</exception>
    public static (Socket Socket, string Name)? Take(EndPoint endPoint)
    {
        lock (s_gate)
        {
            s_passed ??= Read();
            var index = s_passed.FindIndex(passed => IsSame(passed.Socket.LocalEndPoint, endPoint));
            if (index >= 0)
            {
                var taken = s_passed[index];
                s_passed.RemoveAt(index);
                return taken;
            }
            if (endPoint is IPEndPoint { Port: > 0 and var port } && s_passed.Find(passed => passed.Socket.LocalEndPoint is IPEndPoint local && local.Port == port).Socket is { } other)
            {
                throw ListeningSocket.Unavailable(endPoint.ToString()!, $"systemd has passed the socket {other.LocalEndPoint}, but this listener is for {endPoint}.",
                    "Give the same address in -BindAddress and in ListenStream=.");
            }
            return null;
        }
    }

    private static bool IsSame(EndPoint? passed, EndPoint wanted) => (passed, wanted) switch
    {
        (IPEndPoint one, IPEndPoint other) => one.Port == other.Port && other.Port > 0 && (AddressText.Unmap(one.Address).Equals(other.Address) || one.Address.Equals(IPAddress.IPv6Any) && other.Address.Equals(IPAddress.Any)),
        (UnixDomainSocketEndPoint one, UnixDomainSocketEndPoint other) => one.ToString() == other.ToString(),
        _ => false,
    };

    private static List<(Socket, string)> Read()
    {
        const string Process = "LISTEN_PID", Count = "LISTEN_FDS", Names = "LISTEN_FDNAMES";
        var passed = new List<(Socket, string)>();
        if (OperatingSystem.IsWindows() || Environment.GetEnvironmentVariable(Process) != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(Environment.GetEnvironmentVariable(Count), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return passed;
        }
        var names = Environment.GetEnvironmentVariable(Names)?.Split(':') ?? [];
        for (var i = 0; i < Math.Min(count, 1000); i++)
        {
            if (Open(FirstDescriptor + i) is { } socket)
                passed.Add((socket, names.ElementAtOrDefault(i) is { Length: > 0 } name ? name : "unknown"));
        }
        // They are ours, and not those of programs that are started from here.
        foreach (var variable in new[] { Process, Count, Names })
            Environment.SetEnvironmentVariable(variable, null);
        return passed;
    }

    private static Socket? Open(int descriptor)
    {
        var handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        try
        {
            var socket = new Socket(handle);
            if (socket.SocketType == SocketType.Stream && socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.AcceptConnection) is 1)
                return socket;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // A file or a pipe, which services of another kind are passed.
        }
        handle.SetHandleAsInvalid(); // stays open
        return null;
    }
}
