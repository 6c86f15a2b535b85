using System.Diagnostics.Metrics;
using XpraAes.Connections;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes.Listening;

/// <summary>
/// What the listeners of this process count, as metrics of the meter <c>XpraAes</c>, with the port (0 for a socket or pipe) as a tag:
/// listeners of one port are added up. Bytes and packets are those exchanged with clients, not with a target.
/// </summary>
internal static class ListenerMetrics
{
    static ListenerMetrics()
    {
        var meter = Instruments.Meter;
        meter.CreateObservableUpDownCounter("xpra_aes.session.active", () => Sum(listener => listener.Counters.Count), "{session}", "Open sessions");
        meter.CreateObservableUpDownCounter("xpra_aes.listener.draining", () => Sum(listener => listener.State == ListenerState.Listening ? 0 : 1), "{listener}", "Listeners that drain or stop");
        meter.CreateObservableUpDownCounter("xpra_aes.connection.unproven", () => Sum(listener => listener.Guard.Unproven), "{connection}", "Connections that have not proven the key, those from trusted sources not counted");
        meter.CreateObservableUpDownCounter("xpra_aes.connection.unproven.limit", () => Sum(listener => listener.Options.Limits.UnprovenConnections), "{connection}", "Connections that may be unproven at a time");
        meter.CreateObservableCounter("xpra_aes.connection.accepted", () => Sum(listener => listener.Accepted), "{connection}", "Clients accepted, for a session or a request");
        meter.CreateObservableCounter("xpra_aes.connection.refused", ObserveRefusals, "{connection}", "Clients refused or lost before they were accepted, by the id of the error");
        meter.CreateObservableUpDownCounter("xpra_aes.derivation.waiting", () => Sum(listener => listener.Derivations.Load.Waiting), "{derivation}", "Key derivations that wait for their turn");
        meter.CreateObservableUpDownCounter("xpra_aes.derivation.limit", () => Sum(listener => listener.Options.Limits.WaitingDerivations), "{derivation}", "Key derivations that may wait at a time");
        meter.CreateObservableCounter("xpra_aes.network.io", () => ObserveTraffic(traffic => traffic.BytesIn, traffic => traffic.BytesOut), "By", "Bytes exchanged with clients, by transport");
        meter.CreateObservableCounter("xpra_aes.network.packets", () => ObserveTraffic(traffic => traffic.PacketsIn, traffic => traffic.PacketsOut), "{packet}", "Packets exchanged with clients, by transport");
        meter.CreateObservableGauge("xpra_aes.certificate.remaining", ObserveCertificates, "s", "Time until the first certificate of the listener expires, negative afterwards");
    }

    /// <summary>The tag of a listener: its port, which stays the same over restarts and is nobody's address.</summary>
    public static KeyValuePair<string, object?> TagOf(int port) => new("server.port", port);

    /// <summary>Makes the metrics known to whoever listens; does nothing the second time.</summary>
    public static void Publish()
    {
        // The static constructor has done it.
    }

    private static IEnumerable<IGrouping<int, AesListener>> ByPort => LiveObjects.Listeners.GroupBy(listener => listener.Port);

    private static IEnumerable<Measurement<long>> Sum(Func<AesListener, long> value) => ByPort.Select(port => new Measurement<long>(port.Sum(value), TagOf(port.Key)));

    private static IEnumerable<Measurement<long>> ObserveRefusals()
        => from port in ByPort
           from refusals in port.SelectMany(listener => listener.Refusals).GroupBy(refusal => refusal.Key, refusal => refusal.Value)
           select new Measurement<long>(refusals.Sum(), TagOf(port.Key), new(Instruments.ErrorType, refusals.Key.ToString()));

    private static IEnumerable<Measurement<long>> ObserveTraffic(Func<Traffic, long> received, Func<Traffic, long> sent)
    {
        foreach (var port in ByPort)
        {
            foreach (var transport in port.SelectMany(listener => listener.Counters.ByTransport).GroupBy(traffic => traffic.Key, traffic => traffic.Value))
            {
                var scheme = new KeyValuePair<string, object?>(Instruments.Transport, TransportTable.Of(transport.Key).Scheme);
                yield return new(transport.Sum(received), TagOf(port.Key), scheme, new(Instruments.Direction, Instruments.Received));
                yield return new(transport.Sum(sent), TagOf(port.Key), scheme, new(Instruments.Direction, Instruments.Sent));
            }
        }
    }

    private static IEnumerable<Measurement<double>> ObserveCertificates()
        => from port in ByPort
           let ends = port.SelectMany(listener => listener.Binds).Select(bind => bind.Options.Certificate?.NotAfter).OfType<DateTimeOffset>().ToArray()
           where ends.Length > 0
           select new Measurement<double>((ends.Min() - DateTimeOffset.UtcNow).TotalSeconds, TagOf(port.Key));
}
