using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using XpraAes.Connections;

namespace XpraAes.Listening;

/// <summary>A TCP port or a Unix socket that clients are accepted on.</summary>
internal sealed class ListeningSocket : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // What opening a socket as a file gives: ENXIO on Linux, EOPNOTSUPP on macOS.
    private static readonly int[] s_notAFile = [6, 102];

    private readonly Socket _socket;

    private ListeningSocket(Socket socket, XpraEndpoint endpoint)
    {
        _socket = socket;
        Endpoint = endpoint;
    }

    /// <summary>Where clients connect to; of an address for all of them, the address itself.</summary>
    public XpraEndpoint Endpoint { get; }

    /// <summary>The address and port, or the path, as people write them.</summary>
    public string Address => Endpoint.Transport == TransportKind.Unix ? Endpoint.Path! : AddressText.Of(new IPEndPoint(IPAddress.Parse(Endpoint.Host), Endpoint.Port));

    /// <summary>Binds and starts to listen.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable, InvalidOption for a Unix socket on Windows.</exception>
    public static ListeningSocket Open(ListenerOptions options)
    {
        var socket = options.SocketPath is null
            ? new Socket(options.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            var endpoint = options.SocketPath is { } path ? ListenOnPath(socket, Path.GetFullPath(path), options.Limits.Backlog) : ListenOnPort(socket, options);
            return new ListeningSocket(socket, endpoint);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public ValueTask<Socket> AcceptAsync(CancellationToken cancellationToken) => _socket.AcceptAsync(cancellationToken);

    /// <summary>Closes it, and removes the file of a Unix socket.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        if (Endpoint.Transport != TransportKind.Unix)
            return;
        try
        {
            File.Delete(Endpoint.Path!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nobody answers there any more: the next to come replaces it.
        }
    }

    private static XpraEndpoint ListenOnPort(Socket socket, ListenerOptions options)
    {
        var address = new IPEndPoint(options.Address, options.Port);
        try
        {
            if (options.Address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(address);
            socket.Listen(options.Limits.Backlog);
            // Kept, since a closed socket no longer tells.
            return new XpraEndpoint(TransportKind.Tcp, options.Address.ToString(), ((IPEndPoint)socket.LocalEndPoint!).Port);
        }
        catch (SocketException e)
        {
            throw e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => InUse(address.ToString(), "Choose another -Port, or stop the other program (ss -ltnp shows it).", e),
                SocketError.AccessDenied => Unavailable(address.ToString(), $"This user may not listen on {address}.", "Choose a port above 1023.", e),
                _ => Unavailable(address.ToString(), $"Cannot listen on {address} ({e.SocketErrorCode}).", "-BindAddress takes an address of this machine's, Loopback, Any or IPv6Any.", e),
            };
        }
    }

    /// <summary>
    /// The file must never be there with more rights than its owner's, and never without somebody who answers: so it is made in a
    /// folder that nobody else can enter, and moved to its place when all is ready.
    /// </summary>
    private static XpraEndpoint ListenOnPath(Socket socket, string path, int backlog)
    {
        if (OperatingSystem.IsWindows())
            throw new XpraAesException(XpraErrorId.InvalidOption, "Windows gives the file of a socket no owner's mode.", "Use -LocalPort.");
        try
        {
            RequireFree(new UnixDomainSocketEndPoint(path), path);
            var parent = Path.GetDirectoryName(path);
            if (!Directory.Exists(parent))
                throw Unavailable(path, $"There is no folder {parent}.", "Make it first, for you alone.");
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
            return new XpraEndpoint(TransportKind.Unix, "", 0, path);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw Unavailable(path, $"The path {path} is too long for a socket: about 90 bytes are possible.", "Choose a shorter one, such as /run/user/1000/xpra.sock.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
        {
            throw Unavailable(path, $"Cannot listen on {path}: {e.Message}", "Choose a path in a folder of yours that exists.", e);
        }
    }

    /// <summary>What a program that ended badly has left is replaced; a live socket, and anything else, is not.</summary>
    private static void RequireFree(UnixDomainSocketEndPoint endpoint, string path)
    {
        if (!Path.Exists(path))
            return;
        if (!IsSocket(path))
            throw Unavailable(path, $"{path} exists and is no socket.", "Choose another path.");
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
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
        throw InUse(path, "Choose another path, or stop the other program (ss -lxp shows it).");
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

    private static XpraAesException InUse(string target, string action, Exception? inner = null)
        => new(XpraErrorId.PortInUse, $"Another program listens on {target}.", action, inner) { Target = target };

    private static XpraAesException Unavailable(string target, string message, string action, Exception? inner = null)
        => new(XpraErrorId.AddressUnavailable, message, action, inner) { Target = target };
}
