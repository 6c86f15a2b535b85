using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Listening;
using XpraAes.Logging;
using XpraAes.Management;
using XpraAes.Tests.Gateway;
using XpraAes.Tests.Interop;
using XpraAes.Tests.Listening;

namespace XpraAes.Tests.Management;

/// <summary>The content of /metrics, and what is sent by OTLP.</summary>
[Collection(LoopbackCollection.Name)]
public sealed partial class MetricsTests(MetricsFixture metrics) : IClassFixture<MetricsFixture>
{
    [Fact]
    public void It_counts_what_has_happened()
    {
        var port = $"server_port=\"{metrics.Port}\"";
        Assert.Equal(1, metrics.ValueOf("xpra_aes_session_active", port));
        Assert.Equal(0, metrics.ValueOf("xpra_aes_listener_draining", port));
        Assert.Equal(0, metrics.ValueOf("xpra_aes_connection_unproven", port));
        Assert.Equal(64, metrics.ValueOf("xpra_aes_connection_unproven_limit", port));
        Assert.Equal(1, metrics.ValueOf("xpra_aes_connection_accepted_total", port));
        Assert.Equal(1, metrics.ValueOf("xpra_aes_connection_refused_total", $"error_type=\"RequestRefused\",{port}"));
        Assert.Equal(0, metrics.ValueOf("xpra_aes_derivation_waiting", port));
        Assert.Equal(64, metrics.ValueOf("xpra_aes_derivation_limit", port));
        Assert.Equal(1, metrics.ValueOf("xpra_aes_target_available", port));
        Assert.InRange(metrics.ValueOf("xpra_aes_certificate_remaining_seconds", port), 60, TimeSpan.FromDays(3650).TotalSeconds);
        var received = metrics.ValueOf("xpra_aes_network_io_bytes_total", $"network_io_direction=\"receive\",{port},xpra_aes_transport=\"tcp\"");
        Assert.InRange(received, 200, 100_000);
        // The hello and four pings of the session, and the hello of the client that was refused.
        Assert.Equal(6, metrics.ValueOf("xpra_aes_network_packets_total", $"network_io_direction=\"receive\",{port},xpra_aes_transport=\"tcp\""));
        Assert.InRange(metrics.ValueOf("process_memory_usage_bytes", ""), 10_000_000, metrics.ValueOf("xpra_aes_process_memory_limit_bytes", ""));
        Assert.InRange(metrics.ValueOf("process_cpu_time_seconds_total", ""), 0.01, 1e6);
    }

    [Theory]
    [InlineData("xpra_aes_handshake_duration_seconds", "xpra_aes_transport=\"tcp\"", 1)]
    [InlineData("xpra_aes_target_connect_duration_seconds", "", 1)]
    [InlineData("xpra_aes_relay_duration_seconds", "network_io_direction=\"receive\"", 3)]
    [InlineData("xpra_aes_relay_duration_seconds", "network_io_direction=\"transmit\"", 3)]
    public void A_histogram_adds_up(string name, string labels, int least)
    {
        var buckets = metrics.Samples.Where(sample => sample.Name == $"{name}_bucket" && Regex.IsMatch(sample.Labels, $"^{Regex.Escape(labels)},?le=")).ToArray();
        var counts = buckets.Select(bucket => bucket.Value).ToArray();
        Assert.Equal(counts.Order(), counts);
        Assert.EndsWith("le=\"+Inf\"", buckets[^1].Labels, StringComparison.Ordinal);
        Assert.Equal(counts[^1], metrics.ValueOf($"{name}_count", labels));
        Assert.InRange(counts[^1], least, 1000);
        Assert.InRange(metrics.ValueOf($"{name}_sum", labels) / counts[^1], 0, 10);
    }

    [Fact]
    public void Nobody_is_named()
        => Assert.All(metrics.Secrets, secret => Assert.DoesNotContain(secret, metrics.Text, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whatever strangers do, it has no more series than ports, transports and causes allow.</summary>
    [Fact]
    public void Its_labels_have_few_values()
    {
        string[] transports = ["tcp", "ws", "ssl", "wss", "tls-psk", "socket", "named-pipe"];
        foreach (var (name, labels, _) in metrics.Samples.Where(sample => sample.Name != "target_info"))
        {
            foreach (Match label in Label().Matches(labels))
            {
                var value = label.Groups["value"].Value;
                Assert.True(label.Groups["name"].Value switch
                {
                    "server_port" => int.TryParse(value, out _),
                    "error_type" => Enum.TryParse<XpraErrorId>(value, out _),
                    "xpra_aes_transport" => transports.Contains(value),
                    "network_io_direction" => value is "receive" or "transmit",
                    "le" => name.EndsWith("_bucket", StringComparison.Ordinal),
                    _ => false,
                }, $"{name}: {label.Value}");
            }
        }
    }

    [Theory]
    [InlineData("xpra_aes.network.io", "By", true, false, "xpra_aes_network_io_bytes_total")]
    [InlineData("http.server.request.duration", "s", false, false, "http_server_request_duration_seconds")]
    [InlineData("a.seconds", "s", false, true, "a_seconds")]
    [InlineData("a.total", "{call}", true, false, "a_total")]
    [InlineData("a.share", "1", false, true, "a_share_ratio")]
    [InlineData("a.number", "1", true, false, "a_number_total")]
    [InlineData("a..b-c", "", false, true, "a_b_c")]
    [InlineData("9lives", "", false, true, "_9lives")]
    [InlineData("a", "furlong", false, true, "a_furlong")]
    public void Names_are_derived_as_OpenTelemetry_specifies(string name, string unit, bool isCounter, bool isGauge, string expected)
        => Assert.Equal(expected, PrometheusText.NameOf(name, unit, isCounter, isGauge));

    [Fact]
    public async Task Text_is_escaped_and_numbers_are_Prometheus_own()
    {
        await using var rig = new ManagementRig();
        using var meter = new Meter(Instruments.MeterName);
        meter.CreateObservableGauge("test.text", () => new Measurement<double>(double.PositiveInfinity, new KeyValuePair<string, object?>("a.b", "quote\" back\\ line\nend")), description: "one\ntwo\\");
        meter.CreateObservableGauge("test.numbers", () => new Measurement<double>[] { new(double.NaN, new KeyValuePair<string, object?>("n", 1)), new(1e-7, new KeyValuePair<string, object?>("n", 2)), new(-3, new KeyValuePair<string, object?>("n", null)) });
        var text = await rig.GetAsync("/metrics");
        Assert.Contains("""
            # HELP test_text one\ntwo\\
            # TYPE test_text gauge
            test_text{a_b="quote\" back\\ line\nend"} +Inf
            """, text, StringComparison.Ordinal);
        Assert.Contains("test_numbers{n=\"1\"} NaN\n", text, StringComparison.Ordinal);
        Assert.Contains("test_numbers{n=\"2\"} 1E-07\n", text, StringComparison.Ordinal);
        Assert.Contains("test_numbers{n=\"\"} -3\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:1")]
    [InlineData(true, "OTEL_METRICS_EXPORTER=otlp")]
    [InlineData(true, "OTEL_METRICS_EXPORTER=prometheus, otlp")]
    [InlineData(false, "OTEL_METRICS_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317")]
    [InlineData(false, "OTEL_SDK_DISABLED=true", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4317")]
    public async Task OTLP_is_used_if_the_standard_variables_say_so(bool expected, params string[] variables)
    {
        using var environment = new TemporaryEnvironment(variables);
        Assert.Equal(expected, MetricsExport.IsOtlpConfigured);
        using (var lease = ManagementService.Open(null, NullLogger.Instance))
            Assert.Equal(expected, lease is not null);
        await ManagementService.EndedAsync();
    }

    [Fact]
    public async Task They_are_sent_by_OTLP_and_the_last_ones_when_the_listener_stops()
    {
        using var collector = new HttpListener();
        var port = RealXpra.FreePort();
        collector.Prefixes.Add($"http://127.0.0.1:{port}/");
        collector.Start();
        using var environment = new TemporaryEnvironment($"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_HEADERS=x-token=sesame", "OTEL_METRIC_EXPORT_INTERVAL=600000", "OTEL_SERVICE_NAME=front-door", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test");
        await using (var rig = new Rig())
        {
            using (var lease = ManagementService.Open(null, NullLogger.Instance))
                lease!.Attach(rig.Listener);
            Assert.Null(rig.Listener.ManagementAddress);
            await rig.OpenProvenAsync();
        }
        // It is sent once the listener has stopped, long before the interval is over.
        var context = await collector.GetContextAsync().WaitAsync(TestPeer.HelloTimeout);
        Assert.Equal(("/v1/metrics", "sesame", "application/x-protobuf"), (context.Request.Url?.AbsolutePath, context.Request.Headers["x-token"], context.Request.ContentType));
        using var body = new MemoryStream();
        await context.Request.InputStream.CopyToAsync(body);
        context.Response.Close();
        await ManagementService.EndedAsync().WaitAsync(TestPeer.HelloTimeout);
        var text = Encoding.Latin1.GetString(body.ToArray());
        Assert.All(["front-door", "deployment.environment.name", "xpra_aes.handshake.duration", "xpra_aes.target.connect.duration", "process.memory.usage"], expected => Assert.Contains(expected, text, StringComparison.Ordinal));
        Assert.DoesNotContain("xpra-aes", text, StringComparison.Ordinal); // the name of the service is the variable's
    }

    [GeneratedRegex("(?<name>[a-z_]+)=\"(?<value>[^\"]*)\"")]
    private static partial Regex Label();

    /// <summary>Variables of OpenTelemetry, for one test; the others are taken away.</summary>
    private sealed class TemporaryEnvironment : IDisposable
    {
        private readonly Dictionary<string, string?> _before = [];

        public TemporaryEnvironment(params string[] variables)
        {
            foreach (var name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(name => name.StartsWith("OTEL_", StringComparison.Ordinal)).ToArray())
                Set(name, null);
            foreach (var variable in variables)
                Set(variable[..variable.IndexOf('=', StringComparison.Ordinal)], variable[(variable.IndexOf('=', StringComparison.Ordinal) + 1)..]);
        }

        public void Dispose()
        {
            foreach (var (name, value) in _before)
                Environment.SetEnvironmentVariable(name, value);
        }

        private void Set(string name, string? value)
        {
            _before.TryAdd(name, Environment.GetEnvironmentVariable(name));
            Environment.SetEnvironmentVariable(name, value);
        }
    }
}
