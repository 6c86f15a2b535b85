using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace XpraAes.Management;

/// <summary>
/// Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), with names and types as OpenTelemetry's
/// specification "Prometheus and OpenMetrics Compatibility" derives them. OpenTelemetry's own serializer comes only with a server of its own.
/// </summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>UCUM's units, as Prometheus has them in names.</summary>
    private static readonly Dictionary<string, string> s_units = new() { ["s"] = "seconds", ["ms"] = "milliseconds", ["By"] = "bytes", ["KiBy"] = "kibibytes", ["MiBy"] = "mebibytes", ["%"] = "percent", ["1"] = "ratio" };

    /// <summary>Writes all metrics that have a value, and the resource as <c>target_info</c>.</summary>
    public static byte[] Write(in Batch<Metric> metrics, Resource resource)
    {
        var text = new StringBuilder();
        text.Append("# HELP target_info What is measured\n# TYPE target_info gauge\n");
        AppendSample(text, "target_info", Labels(resource.Attributes), "1");
        foreach (var metric in metrics)
            Append(text, metric);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The name in Prometheus of a metric with this unit.</summary>
    public static string NameOf(string name, string unit, bool isCounter, bool isGauge)
    {
        var plain = Sanitize(name);
        // What is in braces is an annotation, not a unit.
        var suffix = unit is ['{', .., '}'] or "" || unit == "1" && !isGauge ? "" : Sanitize(s_units.GetValueOrDefault(unit, unit));
        if (suffix.Length > 0 && !plain.EndsWith($"_{suffix}", StringComparison.Ordinal))
            plain += $"_{suffix}";
        return isCounter && !plain.EndsWith("_total", StringComparison.Ordinal) ? $"{plain}_total" : plain;
    }

    private static void Append(StringBuilder text, Metric metric)
    {
        var type = metric.MetricType;
        var isCounter = type is MetricType.LongSum or MetricType.DoubleSum;
        var isHistogram = type == MetricType.Histogram;
        var name = NameOf(metric.Name, metric.Unit, isCounter, type is MetricType.LongGauge or MetricType.DoubleGauge);
        var isFirst = true;
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            if (isFirst)
                text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {Escape(metric.Description, isLabel: false)}\n# TYPE {name} {(isCounter ? "counter" : isHistogram ? "histogram" : "gauge")}\n");
            isFirst = false;
            var labels = Labels(point.Tags);
            if (isHistogram)
                AppendHistogram(text, name, labels, point);
            else
                AppendSample(text, name, labels, ValueOf(point, type));
        }
    }

    private static string ValueOf(in MetricPoint point, MetricType type) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => Number(point.GetSumLong()),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => Number(point.GetSumDouble()),
        MetricType.LongGauge => Number(point.GetGaugeLastValueLong()),
        MetricType.DoubleGauge => Number(point.GetGaugeLastValueDouble()),
        _ => throw new NotSupportedException($"No text for metrics of type {type}."),
    };

    private static void AppendHistogram(StringBuilder text, string name, string labels, in MetricPoint point)
    {
        var count = 0L;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            AppendSample(text, $"{name}_bucket", $"{labels}{(labels.Length > 0 ? "," : "")}le=\"{Number(bucket.ExplicitBound)}\"", Number(count));
        }
        AppendSample(text, $"{name}_sum", labels, Number(point.GetHistogramSum()));
        AppendSample(text, $"{name}_count", labels, Number(point.GetHistogramCount()));
    }

    private static void AppendSample(StringBuilder text, string name, string labels, string value)
        => text.Append(CultureInfo.InvariantCulture, $"{name}{(labels.Length > 0 ? $"{{{labels}}}" : "")} {value}\n");

    private static string Labels(ReadOnlyTagCollection tags)
    {
        var pairs = new List<KeyValuePair<string, object>>(tags.Count);
        foreach (var tag in tags)
            pairs.Add(new(tag.Key, tag.Value ?? ""));
        return Labels(pairs);
    }

    private static string Labels(IEnumerable<KeyValuePair<string, object>> tags)
        => string.Join(',', tags.Select(tag => $"{Sanitize(tag.Key)}=\"{Escape(Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "", isLabel: true)}\""));

    /// <summary>Letters, digits and single underscores, no digit first.</summary>
    private static string Sanitize(string name)
    {
        var plain = new StringBuilder();
        foreach (var c in name)
        {
            var kept = char.IsAsciiLetterOrDigit(c) ? c : '_';
            if (kept != '_' || plain.Length == 0 || plain[^1] != '_')
                plain.Append(kept);
        }
        return plain is { Length: > 0 } && char.IsAsciiDigit(plain[0]) ? $"_{plain}" : plain.ToString();
    }

    private static string Escape(string text, bool isLabel)
    {
        text = text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);
        return isLabel ? text.Replace("\"", "\\\"", StringComparison.Ordinal) : text;
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Number(double value)
        => double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString(CultureInfo.InvariantCulture);
}
