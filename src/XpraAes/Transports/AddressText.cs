using System.Net;
using System.Net.Sockets;

namespace XpraAes.Transports;

/// <summary>Addresses as text; IPv4-mapped IPv6 addresses are written as IPv4.</summary>
internal static class AddressText
{
    public static string Of(EndPoint? endPoint) => endPoint switch
    {
        IPEndPoint ip => new IPEndPoint(Unmap(ip.Address), ip.Port).ToString(),
        null => "unknown",
        _ => endPoint.ToString() is { Length: > 0 } text ? text : "local socket",
    };

    /// <summary>A client's address; <see cref="IPAddress.None"/> if it has none.</summary>
    public static IPAddress SourceOf(Socket socket)
    {
        try
        {
            return socket.RemoteEndPoint is IPEndPoint { Address: var address } ? Unmap(address) : IPAddress.None;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return IPAddress.None;
        }
    }

    public static IPAddress Unmap(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
