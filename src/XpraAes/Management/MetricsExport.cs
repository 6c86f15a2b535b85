using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using XpraAes.Logging;

namespace XpraAes.Management;

/// <summary>Collects the metrics of this process with OpenTelemetry: as text for those who ask, and by OTLP where the environment says so. Its assemblies are loaded only once this is used.</summary>
internal sealed class MetricsExport : IDisposable
{
    private const string ServiceName = "xpra-aes";

    /// <summary>Sets of tags of one metric, beyond which all others are counted as one; arbitrary, ours have under 100.</summary>
    private const int CardinalityLimit = 1000;

    private readonly TextExporter _text = new();
    private readonly MeterProvider _provider;

    public MetricsExport(bool sendsByOtlp)
    {
        var builder = Sdk.CreateMeterProviderBuilder()
            // The second time for its variables to go before our name.
            .ConfigureResource(resource => resource.AddService(ServiceName, serviceVersion: typeof(MetricsExport).Assembly.GetName().Version?.ToString(3)).AddEnvironmentVariableDetector())
            .AddMeter(Instruments.MeterName)
            .AddView(instrument => new MetricStreamConfiguration { CardinalityLimit = CardinalityLimit })
            .AddReader(new BaseExportingMetricReader(_text));
        if (sendsByOtlp)
            builder = builder.AddOtlpExporter();
        _provider = builder.Build();
    }

    /// <summary>Whether the standard variables of OpenTelemetry ask for OTLP: an endpoint is given, or the exporter by name, and neither is switched off.</summary>
    public static bool IsOtlpConfigured
    {
        get
        {
            static string? Read(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

            if (string.Equals(Read("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase))
                return false;
            return Read("OTEL_METRICS_EXPORTER") is { } exporters
                ? exporters.Split(',', StringSplitOptions.TrimEntries).Contains("otlp", StringComparer.Ordinal)
                : (Read("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") ?? Read("OTEL_EXPORTER_OTLP_ENDPOINT")) is not null;
        }
    }

    /// <summary>All metrics in Prometheus' text format. One call at a time.</summary>
    /// <exception cref="InvalidOperationException">They could not be collected.</exception>
    public byte[] Collect()
        => _text.Collect?.Invoke((int)TimeSpan.FromSeconds(5).TotalMilliseconds) == true ? _text.Latest : throw new InvalidOperationException("The metrics could not be collected.");

    /// <summary>Sends by OTLP what has not been sent yet, within 5 s.</summary>
    public void Dispose() => _provider.Dispose();

    [ExportModes(ExportModes.Pull)]
    private sealed class TextExporter : BaseExporter<Metric>, IPullMetricExporter
    {
        public Func<int, bool>? Collect { get; set; }

        public byte[] Latest { get; private set; } = [];

        public override ExportResult Export(in Batch<Metric> batch)
        {
            Latest = PrometheusText.Write(batch, ParentProvider.GetResource());
            return ExportResult.Success;
        }
    }
}
