using System.Security.Cryptography.X509Certificates;
using XpraAes.Handshake;
using XpraAes.Keys;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Management;

/// <summary>What /metrics says of a gateway that has seen a bit of everything, read once for all tests that look at it.</summary>
public sealed class MetricsFixture : IAsyncLifetime
{
    /// <summary>The body of the answer.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The gateway's port, as in its tags.</summary>
    public int Port { get; private set; }

    /// <summary>What must not be in it: keys, fingerprints, names and addresses of those who took part.</summary>
    public IReadOnlyList<string> Secrets { get; private set; } = [];

    /// <summary>Name and labels of each sample, and its value.</summary>
    public IReadOnlyList<(string Name, string Labels, double Value)> Samples => [.. Text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line =>
    {
        var space = line.LastIndexOf(' ');
        var brace = line.IndexOf('{', StringComparison.Ordinal);
        var value = double.Parse(line[(space + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        return brace < 0 ? (line[..space], "", value) : (line[..brace], line[(brace + 1)..(space - 1)], value);
    })];

    public double ValueOf(string name, string labels) => Samples.Single(sample => sample.Name == name && sample.Labels == labels).Value;

    public async ValueTask InitializeAsync()
    {
        using var certificate = TestCertificates.Create("host.example");
        using var server = ServerCertificate.From(certificate);
        await using var rig = new ManagementRig(configure: options => options with { Certificate = server });
        var (client, target) = await rig.Gateway.OpenProvenAsync();
        // The metric follows the packet: only once the next one is through is the last one surely counted.
        for (var i = 0; i < 3; i++)
        {
            await target.SendAsync("pong", 1L);
            await client.ReceiveAsync();
            await client.SendAsync("ping", 1L);
            await target.ReceiveAsync();
        }
        var refused = await rig.Gateway.ConnectAsync();
        await refused.SendHelloAsync(("request", "stop"), ("username", "ada.lovelace"), ("hostname", "ada-host"));
        await Assert.ThrowsAsync<RefusedException>(refused.ReceiveAsync);
        await refused.DisposeAsync();
        await Rig.UntilAsync(() => rig.Gateway.Listener.Serving == 1); // the open session
        Port = rig.Gateway.Listener.Port;
        Secrets = ["ada", "127.0.0.1", rig.Gateway.Key.Fingerprint, "a key for the clients", rig.Gateway.Target.Endpoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), "host.example", server.Fingerprint, rig.Gateway.Listener.Connections[0].Salt!];
        var answer = await rig.GetAsync("/metrics");
        Text = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
