using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace XpraAes.Transports;

/// <summary>xpra's packets over a Unix domain socket: the mode of its file, 0600 where we listen, decides who may connect.</summary>
internal sealed class UnixTransport() : Transport(TransportKind.Unix, "socket")
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // What opening a socket as a file gives: ENXIO on Linux, EOPNOTSUPP on macOS.
    private static readonly int[] s_notAFile = [6, 102];

    public override string ToUri(XpraEndpoint endpoint) => $"{Scheme}://{endpoint.Path}";

    public override async Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        var (stream, _) = await SocketConnection.OpenAsync(NewSocket(), (socket, token) => socket.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.Path!), token), timeout, limits, cancellationToken).ConfigureAwait(false);
        return (stream, endpoint.Path!);
    }

    /// <summary>Makes the socket and starts to listen. Replaces what a program that crashed has left; a live socket, and any other file, stays.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption on Windows.</exception>
    public static ListeningSocket Listen(string path, int backlog)
    {
        if (OperatingSystem.IsWindows())
            throw new XpraAesException(XpraErrorId.InvalidOption, "Windows gives the file of a socket no owner's mode.", "Use -LocalPort.");
        path = Path.GetFullPath(path);
        var socket = NewSocket();
        try
        {
            RequireFree(new UnixDomainSocketEndPoint(path), path);
            MakeAndListen(socket, path, backlog);
            return new ListeningSocket(socket, new XpraEndpoint(TransportKind.Unix, "", 0, path));
        }
        catch (Exception e)
        {
            socket.Dispose();
            throw e switch
            {
                ArgumentOutOfRangeException => ListeningSocket.Unavailable(path, $"The path {path} is too long for a socket: about 90 bytes are possible.", "Choose a shorter one, such as /run/user/1000/xpra.sock.", e),
                IOException or UnauthorizedAccessException or SocketException => ListeningSocket.Unavailable(path, $"Cannot listen on {path}: {e.Message}", "Choose a path in a folder of yours that exists.", e),
                _ => e,
            };
        }
    }

    /// <summary>The file must never exist with more rights than its owner's, nor before someone answers there: it is made in a folder that nobody else can enter, and moved when all is ready.</summary>
    [UnsupportedOSPlatform("windows")]
    private static void MakeAndListen(Socket socket, string path, int backlog)
    {
        var parent = Path.GetDirectoryName(path);
        if (!Directory.Exists(parent))
            throw ListeningSocket.Unavailable(path, $"There is no folder {parent}.", "Make it first, for you alone.");
        var folder = Path.Combine(parent, $".xpra-{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
        Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        try
        {
            var temporary = Path.Combine(folder, "s");
            socket.Bind(new UnixDomainSocketEndPoint(temporary));
            File.SetUnixFileMode(temporary, OwnerOnly);
            socket.Listen(backlog);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What a program that ended badly has left is replaced; a live socket, and anything else, is not.</summary>
    private static void RequireFree(UnixDomainSocketEndPoint endpoint, string path)
    {
        if (!Path.Exists(path))
            return;
        if (!IsSocket(path))
            throw ListeningSocket.Unavailable(path, $"{path} exists and is no socket.", "Choose another path.");
        using var probe = NewSocket();
        probe.Blocking = false;
        try
        {
            probe.Connect(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // It has more to do than it can take: it is alive.
        }
        throw ListeningSocket.InUse(path, "Choose another path, or stop the other program (ss -lxp shows it).");
    }

    private static bool IsSocket(string path)
    {
        try
        {
            // For writing too: a named pipe opened for reading alone would wait for a writer.
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            return false;
        }
        catch (IOException e)
        {
            return s_notAFile.Contains(e.HResult);
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
}
