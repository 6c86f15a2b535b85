using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Listening;
using XpraAes.Management;
using XpraAes.Tests.Gateway;
using XpraAes.Transports;

namespace XpraAes.Tests.Management;

/// <summary>A gateway with a management address, and raw requests to it.</summary>
internal sealed class ManagementRig : IAsyncDisposable
{
    public ManagementRig(string address = "127.0.0.1:0", Func<ListenerOptions, ListenerOptions>? configure = null)
    {
        using var lease = ManagementService.Open(ManagementAddress.Parse(address), NullLogger.Instance);
        Gateway = new Rig(configure: configure);
        lease!.Attach(Gateway.Listener);
    }

    public Rig Gateway { get; }

    public string Address => Gateway.Listener.ManagementAddress!;

    /// <summary>The whole answer to a request for this path.</summary>
    public Task<string> GetAsync(string path) => AskAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

    public Task<string> AskAsync(string request) => AskAsync(Address, request);

    /// <summary>The whole answer, up to the end of the connection.</summary>
    public static async Task<string> AskAsync(string address, string request)
    {
        using var socket = await ConnectAsync(address);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request));
        return await ReadAsync(socket);
    }

    public static async Task<Socket> ConnectAsync(string address)
    {
        EndPoint endpoint = address.StartsWith('/') ? new UnixDomainSocketEndPoint(address) : IPEndPoint.Parse(address);
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(endpoint);
        return socket;
    }

    /// <summary>What arrives until the other side closes the connection.</summary>
    public static async Task<string> ReadAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        try
        {
            return await reader.ReadToEndAsync().WaitAsync(TestPeer.HelloTimeout);
        }
        catch (IOException)
        {
            return "reset";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Rig.UntilAsync(() => ManagementService.Targets is null);
        await ManagementService.EndedAsync();
    }
}
