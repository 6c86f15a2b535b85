using System.Net;
using System.Net.Sockets;

namespace XpraAes.Tests.Listening;

/// <summary>A server that handles each connection with the next of a test's scripts, and all further ones with the last.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _serving;
    private readonly List<Task> _scripts = [];

    public FakeServer(XpraKey key, params Func<FakePeer, Task>[] scripts)
    {
        _listener.Start();
        _serving = ServeAsync(key, scripts);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections so far.</summary>
    public int Accepted => _scripts.Count;

    /// <summary>Waits for the scripts so far and rethrows their exceptions.</summary>
    public Task Finished => Task.WhenAll(_scripts).WaitAsync(Loopback.HelloTimeout);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _serving;
        _listener.Stop();
        _ending.Dispose();
    }

    private async Task ServeAsync(XpraKey key, Func<FakePeer, Task>[] scripts)
    {
        try
        {
            while (true)
            {
                var peer = new FakePeer(await _listener.AcceptSocketAsync(_ending.Token), key);
                _scripts.Add(RunAsync(peer, scripts[Math.Min(_scripts.Count, scripts.Length - 1)]));
            }
        }
        catch (OperationCanceledException)
        {
            return;
        }
    }

    private static async Task RunAsync(FakePeer peer, Func<FakePeer, Task> script)
    {
        await using (peer)
            await script(peer);
    }
}
