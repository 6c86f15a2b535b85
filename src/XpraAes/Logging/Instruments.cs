using System.Diagnostics.Metrics;

namespace XpraAes.Logging;

/// <summary>
/// The meter <c>XpraAes</c>, and its histograms. What is counted anyway is observed where it is counted, and costs nothing between two
/// observations; these are recorded as it happens, and only while somebody listens. Names are OpenTelemetry's: dots, base units, and
/// <c>error.type</c>, <c>server.port</c> and <c>network.io.direction</c> as its conventions have them. No tag holds an address or a name.
/// </summary>
internal static class Instruments
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "XpraAes";

    /// <summary>The tag with the id of an error.</summary>
    public const string ErrorType = "error.type";

    /// <summary>The tag with the scheme of a transport: tcp, ws, ssl, wss, tls-psk, socket, named-pipe.</summary>
    public const string Transport = "xpra_aes.transport";

    /// <summary>The tag with the direction, as the gateway sees its clients, and its values.</summary>
    public const string Direction = "network.io.direction", Received = "receive", Sent = "transmit";

    public static readonly Meter Meter = new(MeterName, typeof(Instruments).Assembly.GetName().Version?.ToString(3));

    /// <summary>Handshakes: from 1 ms to the time that a person takes for a password.</summary>
    private static readonly Histogram<double> s_handshake = Histogram("xpra_aes.handshake.duration", "Time from a client's first byte to its session, in which the target answers and a person may type a password", [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]);

    private static readonly Histogram<double> s_targetConnect = Histogram("xpra_aes.target.connect.duration", "Time to connect to the target, its TLS included", [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]);

    private static readonly Histogram<double> s_relay = Histogram("xpra_aes.relay.duration", "Time that packets spend in the gateway, from when they have been read until the system has taken them for the other side", [0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1]);

    private static readonly KeyValuePair<string, object?> s_toTarget = new(Direction, Received), s_toClient = new(Direction, Sent);

    /// <summary>Whether anyone wants to know how long packets spend in the gateway.</summary>
    public static bool RelayIsTimed => s_relay.Enabled;

    /// <summary>A session has been established.</summary>
    public static void RecordHandshake(TimeSpan time, string transport) => s_handshake.Record(time.TotalSeconds, new KeyValuePair<string, object?>(Transport, transport));

    /// <summary>The target was connected to, or could not be for this cause.</summary>
    public static void RecordTargetConnect(TimeSpan time, XpraErrorId? failure)
    {
        if (failure is null)
            s_targetConnect.Record(time.TotalSeconds);
        else
            s_targetConnect.Record(time.TotalSeconds, new KeyValuePair<string, object?>(ErrorType, failure.ToString()));
    }

    /// <summary>Packets of a client were handed to the target, or the other way round.</summary>
    public static void RecordRelay(TimeSpan time, bool toTarget) => s_relay.Record(time.TotalSeconds, toTarget ? s_toTarget : s_toClient);

    private static Histogram<double> Histogram(string name, string description, double[] boundaries)
        => Meter.CreateHistogram(name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });
}
