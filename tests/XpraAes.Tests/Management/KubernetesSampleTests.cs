using System.Globalization;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using XpraAes.Connections;
using XpraAes.Listening;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Management;

/// <summary>
/// samples/kubernetes, read strictly into the types of Kubernetes' own API description, in which an unknown or misplaced field is an error; and
/// its scripts, run against a real gateway. What a cluster makes of it is not tested.
/// </summary>
[Trait("Category", "Engine")]
[Collection(LoopbackCollection.Name)]
public sealed class KubernetesSampleTests(MetricsFixture metrics) : IClassFixture<MetricsFixture>
{
    private const string Name = "xpra-aes";

    private static readonly string s_folder = Path.Combine(SharedFiles.Repository, "samples", "kubernetes");

    [Fact]
    public void Every_file_is_read_strictly_and_named_alike()
    {
        Assert.Equal(["ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Secret", "Service"], Objects().Select(item => item.Kind).Order(StringComparer.Ordinal));
        Assert.All(Objects().OfType<IMetadata<V1ObjectMeta>>(), item =>
        {
            Assert.StartsWith(Name, item.Metadata.Name, StringComparison.Ordinal);
            Assert.Equal(Name, item.Metadata.Labels["app.kubernetes.io/name"]);
        });
        var kustomization = File.ReadAllText(Path.Combine(s_folder, "kustomization.yaml"));
        var listed = Regex.Matches(kustomization, "- (.+\\.yaml)").Select(match => match.Groups[1].Value);
        Assert.Equal(Files().Select(Path.GetFileName).Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    /// <summary>The reader is as strict as the test above needs.</summary>
    [Theory]
    [InlineData("readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true")]
    [InlineData("readinessProbe:", "readynessProbe:")]
    [InlineData("terminationGracePeriodSeconds: 1860", "terminationGracePeriodSeconds: soon")]
    [InlineData("      automountServiceAccountToken: false", "      automountServiceAccountToken: false\n      replicas: 2")]
    public void A_field_that_does_not_exist_is_an_error(string right, string wrong)
    {
        var text = File.ReadAllText(Path.Combine(s_folder, "deployment.yaml"));
        Assert.Contains(right, text, StringComparison.Ordinal);
        KubernetesYaml.LoadAllFromString(text, null, strict: true);
        Assert.ThrowsAny<Exception>(() => KubernetesYaml.LoadAllFromString(text.Replace(right, wrong, StringComparison.Ordinal), null, strict: true));
    }

    [Fact]
    public void The_pods_run_without_rights_and_can_write_nowhere_but_in_tmp()
    {
        var pod = Only<V1Deployment>().Spec.Template.Spec;
        Assert.False(pod.AutomountServiceAccountToken);
        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.True(pod.SecurityContext.RunAsUser > 0);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        var gateway = Assert.Single(pod.Containers);
        Assert.True(gateway.SecurityContext.ReadOnlyRootFilesystem);
        Assert.False(gateway.SecurityContext.AllowPrivilegeEscalation);
        Assert.Equal(["ALL"], gateway.SecurityContext.Capabilities.Drop);
        Assert.Equal(["/tmp"], gateway.VolumeMounts.Where(mount => mount.ReadOnlyProperty != true).Select(mount => mount.MountPath));
        Assert.All(pod.Volumes.Where(volume => volume.Secret is not null), volume => Assert.Equal(Convert.ToInt32("400", 8), volume.Secret.DefaultMode));
        Assert.NotNull(gateway.Resources.Limits["memory"]);
    }

    [Fact]
    public void What_refers_to_each_other_fits()
    {
        var deployment = Only<V1Deployment>();
        var template = deployment.Spec.Template;
        var gateway = template.Spec.Containers[0];
        var ports = gateway.Ports.ToDictionary(port => port.Name, port => port.ContainerPort);
        void Selects(IDictionary<string, string> labels) => Assert.All(labels, label => Assert.Equal(label.Value, template.Metadata.Labels[label.Key]));

        Selects(deployment.Spec.Selector.MatchLabels);
        Selects(Only<V1Service>().Spec.Selector);
        Selects(Only<V1PodDisruptionBudget>().Spec.Selector.MatchLabels);
        Selects(Only<V1NetworkPolicy>().Spec.PodSelector.MatchLabels);
        Assert.All(Only<V1Service>().Spec.Ports, port => Assert.Contains(port.TargetPort.ToString(), ports.Keys));
        Assert.All(Only<V1NetworkPolicy>().Spec.Ingress.SelectMany(rule => rule.Ports), port => Assert.Contains(port.Port.ToString(), ports.Keys));
        // The management address is not for everyone.
        Assert.All(Only<V1NetworkPolicy>().Spec.Ingress.Where(rule => rule.FromProperty is null), rule => Assert.Equal("xpra", Assert.Single(rule.Ports).Port.ToString()));

        var scaler = Only<V2HorizontalPodAutoscaler>().Spec;
        Assert.Equal((deployment.Kind, deployment.ApiVersion, deployment.Metadata.Name), (scaler.ScaleTargetRef.Kind, scaler.ScaleTargetRef.ApiVersion, scaler.ScaleTargetRef.Name));
        Assert.Null(deployment.Spec.Replicas);
        var metric = Assert.Single(scaler.Metrics).Pods;
        Assert.Equal(1, metrics.Samples.Count(sample => sample.Name == metric.Metric.Name && sample.Labels == $"server_port=\"{metrics.Port}\""));
        Assert.True(Only<V1PodDisruptionBudget>().Spec.MaxUnavailable.ToString() == "1" && scaler.MinReplicas > 1);

        Assert.Equal($"{ports["management"]}", template.Metadata.Annotations["prometheus.io/port"]);
        foreach (var (probe, path) in new[] { (gateway.StartupProbe, "/healthz"), (gateway.LivenessProbe, "/healthz"), (gateway.ReadinessProbe, "/readyz") })
            Assert.Equal((path, "management"), (probe.HttpGet.Path, probe.HttpGet.Port.ToString()));
        Assert.All(gateway.VolumeMounts, mount => Assert.Contains(mount.Name, template.Spec.Volumes.Select(volume => volume.Name)));
        var config = Only<V1ConfigMap>();
        Assert.Equal(config.Metadata.Name, template.Spec.Volumes.Single(volume => volume.ConfigMap is not null).ConfigMap.Name);
        Assert.All(gateway.Args.Where(word => word.EndsWith(".ps1", StringComparison.Ordinal)), script => Assert.Contains(Path.GetFileName(script), config.Data.Keys));
        var secret = Only<V1Secret>();
        Assert.Contains(secret.Metadata.Name, template.Spec.Volumes.Where(volume => volume.Secret is not null).Select(volume => volume.Secret.SecretName));
        Assert.All(secret.StringData, entry =>
        {
            Assert.Equal("", entry.Value); // with which the gateway does not start
            Assert.Contains($"/etc/xpra-aes/keys/{entry.Key}", config.Data["gateway.ps1"], StringComparison.Ordinal);
        });
        Assert.Contains($"Port               = {ports["xpra"]}\n", config.Data["gateway.ps1"], StringComparison.Ordinal);
        Assert.Contains($"0.0.0.0:{ports["management"]}'", config.Data["gateway.ps1"], StringComparison.Ordinal);
        var (delay, time) = (LimitOf("DrainDelay"), LimitOf("DrainTime"));
        // The kubelet, and whoever asks /readyz, take a pod out within the delay.
        Assert.InRange(delay, gateway.ReadinessProbe.PeriodSeconds!.Value * gateway.ReadinessProbe.FailureThreshold!.Value, 60);
        Assert.InRange(template.Spec.TerminationGracePeriodSeconds!.Value, delay + time + 30, delay + time + 300);

        int LimitOf(string name) => int.Parse(Regex.Match(config.Data["gateway.ps1"], $@"\b{name} = (\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_image_is_the_same_by_either_way()
    {
        var containerfile = File.ReadAllText(Path.Combine(s_folder, "Containerfile"));
        var project = File.ReadAllText(Path.Combine(SharedFiles.Repository, "src", "XpraAes.Shell", "XpraAes.Shell.csproj"));
        string Property(string name) => Regex.Match(project, $"<{name}>(.+)</{name}>").Groups[1].Value;
        var pod = Only<V1Deployment>().Spec.Template.Spec;
        Assert.Contains($"\nFROM {Property("ContainerBaseImage")}\n", containerfile, StringComparison.Ordinal);
        Assert.Contains($"\nUSER {Property("ContainerUser")}\n", containerfile, StringComparison.Ordinal);
        Assert.Equal($"{pod.SecurityContext.RunAsUser}", Property("ContainerUser"));
        Assert.Contains($"/{Property("ContainerRepository")}:", pod.Containers[0].Image, StringComparison.Ordinal);
        var ports = Regex.Match(project, "<ContainerPort Include=\"(.+?)\"").Groups[1].Value;
        Assert.Contains($"\nEXPOSE {ports.Replace(';', ' ')}\n", containerfile, StringComparison.Ordinal);
        var variables = Regex.Matches(project, "<ContainerEnvironmentVariable Include=\"(.+?)\" Value=\"(.+?)\"").Select(match => $"{match.Groups[1].Value}={match.Groups[2].Value}");
        Assert.Contains($"\nENV {string.Join(' ', variables)}\n", containerfile, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_script_serves_clients_and_waits_for_the_last_one_before_it_ends()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Pods run on Linux.");
        using var folder = new TempFolder();
        using var key = XpraKey.Generate();
        using var targetKey = XpraKey.Generate();
        await using var target = AesListener.Start(new ListenerOptions { Key = targetKey });
        using var certificate = TestCertificates.Create("localhost");
        folder.Write("key.txt", key.Data.ToArray());
        folder.Write("target.txt", targetKey.Data);
        folder.Write("tls.crt", Encoding.ASCII.GetBytes(certificate.ExportCertificatePem()));
        folder.Write("tls.key", Encoding.ASCII.GetBytes(TestCertificates.KeyPem(certificate)));
        int[] ports = RealXpra.FreePorts(2);
        var (port, management) = (ports[0], ports[1]);
        var scripts = Only<V1ConfigMap>().Data;
        folder.Write("gateway.ps1", Encoding.UTF8.GetBytes(scripts["gateway.ps1"]
            .Replace("/etc/xpra-aes/keys", folder.Root, StringComparison.Ordinal).Replace("/etc/xpra-aes/tls", folder.Root, StringComparison.Ordinal)
            .Replace("10000", $"{port}", StringComparison.Ordinal).Replace("0.0.0.0:9464", $"127.0.0.1:{management}", StringComparison.Ordinal).Replace("'Any'", "'Loopback'", StringComparison.Ordinal)
            .Replace("tcp://xpra:14500/", $"tcp://127.0.0.1:{target.Port}/", StringComparison.Ordinal)));

        using var gateway = ShellProcess.Start("-File", folder["gateway.ps1"]);
        try
        {
            await Rig.UntilAsync(() => gateway.HasExited || AskAsync(management, "/readyz").Result.EndsWith("\r\n\r\nready\n", StringComparison.Ordinal), () => "the gateway is not ready");
            Assert.False(gateway.HasExited);
            var options = new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.TlsPsk, "127.0.0.1", port), Key = key };
            await using var client = await XpraConnector.ConnectAsync(options);
            await Rig.UntilAsync(() => AskAsync(management, "/metrics").Result.Contains($"\nxpra_aes_session_active{{server_port=\"{port}\"}} 1\n", StringComparison.Ordinal));

            await ShellProcess.SignalAsync(gateway, "TERM");
            await Rig.UntilAsync(() => AskAsync(management, "/readyz").Result.EndsWith("\r\n\r\ndraining\n", StringComparison.Ordinal));
            // Those who were sent here a moment ago.
            await (await XpraConnector.ConnectAsync(options)).CloseAsync();
            await Rig.UntilAsync(() => !Array.Exists(IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners(), listening => listening.Port == port));
            await client.PingAsync(TestPeer.HelloTimeout);
            await client.DisposeAsync();
            Assert.Equal(0, (await ShellProcess.FinishAsync(gateway)).ExitCode);
        }
        finally
        {
            if (!gateway.HasExited)
                gateway.Kill(entireProcessTree: true);
        }
    }

    private static async Task<string> AskAsync(int management, string path)
    {
        try
        {
            return await ManagementRig.AskAsync($"127.0.0.1:{management}", $"GET {path} HTTP/1.0\r\n\r\n").ConfigureAwait(false);
        }
        catch (SocketException)
        {
            return "";
        }
    }

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(s_folder, "*.yaml").Where(file => Path.GetFileName(file) != "kustomization.yaml");

    private static IKubernetesObject[] Objects() => [.. Files().SelectMany(file => KubernetesYaml.LoadAllFromString(File.ReadAllText(file), null, strict: true)).Cast<IKubernetesObject>()];

    private static T Only<T>() => Assert.Single(Objects().OfType<T>());
}
