using System.Globalization;
using System.Net;
using System.Net.Sockets;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>Where health and metrics are served: an IP address and port, or the path of a Unix socket (mode 0600).</summary>
internal sealed record ManagementAddress
{
    private const string Usage = "Write it as 127.0.0.1:9464, [::1]:9464, localhost:9464, or as the path of a Unix socket: unix:///run/xpra-aes/management.sock.";

    private static readonly string[] s_pathSchemes = ["unix://", "socket://"];

    private ManagementAddress(IPEndPoint? endpoint, string? path) => (Endpoint, Path) = (endpoint, path);

    /// <summary>The address and port, where 0 takes a free one; null for a Unix socket.</summary>
    public IPEndPoint? Endpoint { get; }

    /// <summary>The full path of the Unix socket; null for an address and port.</summary>
    public string? Path { get; }

    /// <summary>Whether other machines can reach it.</summary>
    public bool IsOpenToOthers => Endpoint is not null && !IPAddress.IsLoopback(Endpoint.Address);

    /// <summary>Reads an address; <paramref name="resolvePath"/> makes a path a full one.</summary>
    /// <exception cref="XpraAesException">InvalidOption.</exception>
    public static ManagementAddress Parse(string text, Func<string, string>? resolvePath = null)
    {
        var scheme = Array.Find(s_pathSchemes, scheme => text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase));
        if (scheme is not null || text.Contains('/', StringComparison.Ordinal))
        {
            var path = text[(scheme?.Length ?? 0)..];
            if (OperatingSystem.IsWindows())
                throw new XpraAesException(XpraErrorId.InvalidOption, "On Windows a socket's file cannot be restricted to its owner by a mode.", "Give an address: 127.0.0.1:9464.") { Target = text };
            if (path.Length == 0)
                throw Invalid(text);
            return new(null, (resolvePath ?? System.IO.Path.GetFullPath)(path));
        }
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > IPEndPoint.MaxPort)
            throw Invalid(text);
        var host = text[..colon];
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            return new(new IPEndPoint(IPAddress.Loopback, port), null);
        var isBracketed = host is ['[', .., ']'];
        return IPAddress.TryParse(isBracketed ? host[1..^1] : host, out var address) && isBracketed == (address.AddressFamily == AddressFamily.InterNetworkV6)
            ? new(new IPEndPoint(address, port), null)
            : throw Invalid(text);
    }

    /// <summary>Reads the address of another process, as it was given to its listener or as that shows it: every address is this machine's here.</summary>
    /// <exception cref="XpraAesException">InvalidOption, also for port 0.</exception>
    public static ManagementAddress ParseOther(string text, Func<string, string>? resolvePath = null)
    {
        var address = Parse(text, resolvePath);
        if (address.Endpoint is not { } endpoint)
            return address;
        if (endpoint.Port == 0)
            throw new XpraAesException(XpraErrorId.InvalidOption, $"'{text}' has no port.", "Give the one that the listener's property ManagementAddress shows.") { Target = text };
        if (endpoint.Address.Equals(IPAddress.Any))
            return new(new IPEndPoint(IPAddress.Loopback, endpoint.Port), null);
        return endpoint.Address.Equals(IPAddress.IPv6Any) ? new(new IPEndPoint(IPAddress.IPv6Loopback, endpoint.Port), null) : address;
    }

    /// <summary>Starts to listen there.</summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable.</exception>
    public IListeningPoint Listen()
    {
        try
        {
            return Path is not null ? UnixTransport.Listen(Path, Limits.Default.Backlog) : TcpTransport.Listen(Endpoint!.Address, Endpoint.Port, Limits.Default.Backlog);
        }
        catch (XpraAesException e)
        {
            throw new XpraAesException(e.Id, e.Message, "Choose another -ManagementAddress: an address of this machine with a port above 1023 that is free, or the path of a Unix socket in a folder of yours.", e) { Target = e.Target };
        }
    }

    /// <summary>For example <c>127.0.0.1:9464</c>.</summary>
    public override string ToString() => Path ?? Endpoint!.ToString();

    private static XpraAesException Invalid(string text) => new(XpraErrorId.InvalidOption, $"'{text}' is not a management address.", Usage) { Target = text };
}
