using System.Net;

namespace XpraAes.Connections;

/// <summary>Addresses as people write them: an IPv4 address stays one where the socket speaks both.</summary>
internal static class AddressText
{
    public static string Of(EndPoint? endPoint) => endPoint switch
    {
        IPEndPoint ip => new IPEndPoint(Unmap(ip.Address), ip.Port).ToString(),
        null => "unknown",
        _ => endPoint.ToString() is { Length: > 0 } text ? text : "local socket",
    };

    public static IPAddress Unmap(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
