using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.Principal;

namespace XpraAes.Transports;

/// <summary>
/// xpra's packets over a named pipe, its local sockets on Windows. <c>named-pipe://NAME</c> is the pipe <c>\\.\pipe\Xpra\NAME</c>, here and to every version of
/// xpra since 4 (PIPE_PREFIX in its platform/win32/dotxpra.py). The pipe's access control list decides who may connect: for ours, its user alone.
/// </summary>
internal sealed partial class NamedPipeTransport() : Transport(TransportKind.NamedPipe, "named-pipe")
{
    private const string Root = @"\\.\pipe\", Folder = @"Xpra\";

    /// <summary>Characters of a name; a pipe's full name has at most 256.</summary>
    private const int MaxNameLength = 200;

    private const string InUseAction = "Choose another name, or stop the other program.";

    private const int NoSuchFile = 2; // ERROR_FILE_NOT_FOUND

    public override string ToUri(XpraEndpoint endpoint) => $"{Scheme}://{endpoint.Path}";

    /// <summary>The path of the pipe of this name.</summary>
    public static string PathOf(string name) => Root + Folder + name;

    /// <summary>The name without what xpra puts before it; null if it cannot be one.</summary>
    public static string? NameIn(string text)
    {
        if (text.StartsWith(Root, StringComparison.OrdinalIgnoreCase))
            text = text[Root.Length..];
        if (text.StartsWith(Folder, StringComparison.OrdinalIgnoreCase))
            text = text[Folder.Length..];
        return text.Length is > 0 and <= MaxNameLength && char.IsAsciiLetterOrDigit(text[0]) && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? text : null;
    }

    /// <summary>Throws InvalidOption unless this is Windows: elsewhere .NET's named pipes are Unix sockets in a folder that everyone can write to, and no xpra knows them.</summary>
    public static void RequireSupport(string instead)
    {
        if (!OperatingSystem.IsWindows())
            throw new XpraAesException(XpraErrorId.InvalidOption, "Named pipes are xpra's local sockets only on Windows.", instead);
    }

    public override async Task<(Stream Stream, string Peer)> ConnectAsync(XpraEndpoint endpoint, IReadOnlyList<XpraKey> keys, TimeSpan timeout, Limits limits, CancellationToken cancellationToken)
    {
        RequireSupport("Write socket:///PATH, with the path of the server's Unix socket.");
        var path = PathOf(endpoint.Path!);
        if (OperatingSystem.IsWindows() && !Exists(path))
            throw new XpraAesException(XpraErrorId.ConnectionRefused, $"There is no pipe {path}.", "Check the name, and that the server is running: xpra list shows its pipes.");
        // A server may ask who we are, but not act as us.
        var pipe = new NamedPipeClientStream(".", Folder + endpoint.Path, PipeDirection.InOut, PipeOptions.Asynchronous, TokenImpersonationLevel.Identification);
        try
        {
            await pipe.ConnectAsync((int)timeout.TotalMilliseconds, cancellationToken).ConfigureAwait(false);
            if (OperatingSystem.IsWindows())
                RequireTrustedOwner(pipe, path);
            return (pipe, path);
        }
        catch (Exception e)
        {
            await pipe.DisposeAsync().ConfigureAwait(false);
            throw e switch
            {
                TimeoutException => new XpraAesException(XpraErrorId.ConnectTimeout, $"The pipe's server accepted nobody within {timeout.TotalSeconds:0.#} s.", "Check that the server is not stuck.", e),
                UnauthorizedAccessException => new XpraAesException(XpraErrorId.ConnectionRefused, $"This user may not use the pipe {path}.", "Run this as the user who runs the server, and as an administrator if that one is.", e),
                IOException => new XpraAesException(XpraErrorId.ConnectionRefused, $"The pipe {path} cannot be opened: {e.Message}", "Check that the server is running.", e),
                _ => e,
            };
        }
    }

    /// <summary>Creates the pipe and starts listening.</summary>
    /// <exception cref="XpraAesException">PortInUse, InvalidOption.</exception>
    public static ListeningPipe Listen(string name)
    {
        RequireSupport("Use -LocalSocket, which only you can use too.");
        var plain = NameIn(name) ?? throw new XpraAesException(XpraErrorId.InvalidOption, $"'{name}' is not the name of a pipe.", $"Use up to {MaxNameLength} letters, digits, hyphens, underscores and dots, and begin with a letter or digit.");
        // This is for the message; what decides is that Windows makes no first instance where there is one.
        if (OperatingSystem.IsWindows() && Exists(PathOf(plain)))
            throw ListeningSocket.InUse(PathOf(plain), InUseAction);
        try
        {
            return new ListeningPipe(new XpraEndpoint(TransportKind.NamedPipe, "", 0, plain), Folder + plain);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw ListeningSocket.InUse(PathOf(plain), InUseAction, e);
        }
    }

    /// <summary>Any program could have made the pipe before the server did, to read what is meant for it.</summary>
    [SupportedOSPlatform("windows")]
    private static void RequireTrustedOwner(NamedPipeClientStream pipe, string path)
    {
        if (pipe.GetAccessControl().GetOwner(typeof(SecurityIdentifier)) is SecurityIdentifier owner && (WindowsAccount.IsTrusted(owner) || owner == WindowsAccount.DefaultOwner))
            return;
        throw new XpraAesException(XpraErrorId.ForeignPipe, $"The pipe {path} belongs to another account, not to this user, Administrators or SYSTEM.",
            "Run this as the user who runs the server. If the server is yours, another program has taken the name: stop that, or start the server with another name.");
    }

    /// <summary>Whether there is such a pipe, busy or not.</summary>
    [SupportedOSPlatform("windows")]
    private static bool Exists(string path) => WaitNamedPipe(path, milliseconds: 1) || Marshal.GetLastPInvokeError() != NoSuchFile;

    [LibraryImport("kernel32", EntryPoint = "WaitNamedPipeW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool WaitNamedPipe(string path, uint milliseconds);
}
