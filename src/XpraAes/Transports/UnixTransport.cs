using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace XpraAes.Transports;

/// <summary>xpra's packets over a Unix domain socket. Its file mode, 0600 for our listeners, decides who may connect.</summary>
internal sealed class UnixTransport() : Transport(TransportKind.Unix, "socket")
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // The error when a socket is opened as a file: ENXIO on Linux, EOPNOTSUPP on macOS.
    private static readonly int[] s_isSocketErrors = [6, 102];

    public override string ToUri(XpraEndpoint endpoint) => $"{Scheme}://{endpoint.Path}";

    public override async Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        var address = AddressOf(endpoint.Path!);
        var (stream, _) = await SocketConnection.OpenAsync(NewSocket, address, endpoint, timeout, limits, cancellationToken).ConfigureAwait(false);
        return (stream, endpoint.Path!);
    }

    /// <summary>Creates the socket and starts listening, unless systemd has passed one that does. Replaces a dead socket left by a crashed program, but no live socket or other file.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption on Windows.</exception>
    public static ListeningSocket Listen(string path, int backlog)
    {
        if (OperatingSystem.IsWindows())
            throw new XpraAesException(XpraErrorId.InvalidOption, "On Windows a socket's file cannot be restricted to its owner by a mode.", "Use -LocalPipe NAME, which only you can use: xpra attach named-pipe://NAME.");
        path = Path.GetFullPath(path);
        var socket = NewSocket();
        try
        {
            var address = AddressOf(path);
            var endpoint = new XpraEndpoint(TransportKind.Unix, "", 0, path);
            if (ActivatedSockets.Take(address) is var (passed, name))
            {
                socket.Dispose();
                RequireOwnerOnly(passed, path);
                return new ListeningSocket(passed, endpoint, name);
            }
            RequireFree(address, path);
            CreateAndListen(socket, path, backlog);
            return new ListeningSocket(socket, endpoint);
        }
        catch (Exception e)
        {
            socket.Dispose();
            throw e switch
            {
                ArgumentOutOfRangeException => TooLong(path, e),
                IOException or UnauthorizedAccessException or SocketException => ListeningSocket.Unavailable(path, $"Cannot listen on {path}: {e.Message}", "Choose a path in an existing folder of yours.", e),
                _ => e,
            };
        }
    }

    /// <summary>Throws AddressUnavailable for a path that is too long.</summary>
    private static UnixDomainSocketEndPoint AddressOf(string path)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw TooLong(path, e);
        }
    }

    private static XpraAesException TooLong(string path, Exception e)
        => ListeningSocket.Unavailable(path, $"The path {path} is too long for a socket, which allows about 90 bytes.", "Choose a shorter one, such as /run/user/1000/xpra.sock.", e);

    /// <summary>A socket of systemd's is by default open to everyone, but clients of a Unix socket are taken for its owner.</summary>
    [UnsupportedOSPlatform("windows")]
    private static void RequireOwnerOnly(Socket passed, string path)
    {
        if ((File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) == 0)
            return;
        passed.Dispose();
        throw ListeningSocket.Unavailable(path, $"The socket {path} from systemd is open to other users.", "Set SocketMode=0600 in its unit.");
    }

    /// <summary>Creates the file in a private folder and moves it once it is listening, so that it is never accessible to others, even briefly.</summary>
    [UnsupportedOSPlatform("windows")]
    private static void CreateAndListen(Socket socket, string path, int backlog)
    {
        var parent = Path.GetDirectoryName(path);
        if (!Directory.Exists(parent))
            throw ListeningSocket.Unavailable(path, $"There is no folder {parent}.", "Create it first, accessible only to you.");
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

    /// <summary>Throws if there is a live socket, or a file that is not a socket.</summary>
    private static void RequireFree(UnixDomainSocketEndPoint endpoint, string path)
    {
        if (!Path.Exists(path))
            return;
        if (!IsSocket(path))
            throw ListeningSocket.Unavailable(path, $"{path} exists and is not a socket.", "Choose another path.");
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
            // Its backlog is full, so it is alive.
        }
        throw ListeningSocket.InUse(path, "Choose another path, or stop the other program (ss -lxp shows it).");
    }

    private static bool IsSocket(string path)
    {
        try
        {
            // Read-write, since opening a named pipe only for reading would wait for a writer.
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            return false;
        }
        catch (IOException e)
        {
            return s_isSocketErrors.Contains(e.HResult);
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
}
