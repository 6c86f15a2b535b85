using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace XpraAes.Transports;

/// <summary>Who has opened a Unix socket's connection, as the system tells: SO_PEERCRED of Linux (unix(7), asm/socket.h), LOCAL_PEERCRED of macOS (unix(4), sys/ucred.h).</summary>
internal static class UnixPeer
{
    private const uint Root = 0;

    [SupportedOSPlatformGuard("linux")]
    [SupportedOSPlatformGuard("macos")]
    private static bool IsKnown => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Whether it was a process whose effective user is this process' own, or root; false where that is not known.</summary>
    public static bool IsSameUser(Socket socket) => IsKnown && UserOf(socket) is { } user && (user == Root || user == UnixFile.User);

    private static uint? UserOf(Socket socket)
    {
        // Of both structures the second 32 bits are the user. Any other option has another size.
        var (level, option, size) = OperatingSystem.IsMacOS() ? (0, 1, 76) : (1, RuntimeInformation.ProcessArchitecture == Architecture.Ppc64le ? 21 : 17, 12);
        var credentials = new byte[size];
        try
        {
            return socket.AddressFamily == AddressFamily.Unix && socket.GetRawSocketOption(level, option, credentials) == size ? BitConverter.ToUInt32(credentials, sizeof(uint)) : null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null; // it has gone
        }
    }
}
