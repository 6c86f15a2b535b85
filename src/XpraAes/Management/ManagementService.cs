using Microsoft.Extensions.Logging;
using XpraAes.Listening;
using XpraAes.Logging;

namespace XpraAes.Management;

/// <summary>
/// Health and metrics of this process: one address for all its listeners, from the first one that is given it until the last one has stopped, so that a
/// load balancer sees one that is draining.
/// </summary>
internal sealed class ManagementService : IDisposable
{
    private static readonly object s_gate = new();
    private static ManagementService? s_current;
    private static Task s_ending = Task.CompletedTask;

    private readonly TargetProbes _targets = new(TimeProvider.System);
    private readonly List<AesListener> _listeners = []; // those that were given the address
    private readonly MetricsExport _metrics;
    private readonly ManagementPages _pages;
    private ManagementAddress? _address;
    private ManagementServer? _server;
    private int _users;

    private ManagementService()
    {
        ListenerMetrics.Publish();
        ProcessMetrics.Publish();
        _metrics = new MetricsExport(MetricsExport.IsOtlpConfigured);
        _pages = new ManagementPages(ListenersOf, _targets, _metrics.Collect, TimeProvider.System);
    }

    /// <summary>
    /// Opens the address, or joins the one that is open, and sends metrics by OTLP if the environment asks for it. Null if there is nothing to do.
    /// <see cref="Lease.Attach"/> hands it over to a listener.
    /// </summary>
    /// <exception cref="XpraAesException">PortInUse, AddressUnavailable; InvalidOption if the process has another address already.</exception>
    public static Lease? Open(ManagementAddress? address, ILogger log)
    {
        if (address is null && !MetricsExport.IsOtlpConfigured)
            return null;
        lock (s_gate)
        {
            var service = s_current ?? new ManagementService();
            try
            {
                if (address is not null)
                    service.Listen(address, log);
            }
            catch
            {
                if (s_current is null)
                    service.Dispose();
                throw;
            }
            if (s_current is null && MetricsExport.IsOtlpConfigured)
                Log.MetricsExported(log);
            s_current = service;
            service._users++;
            return new Lease(service, isListed: address is not null);
        }
    }

    /// <summary>The health of the targets; null while there is no such service.</summary>
    public static TargetProbes? Targets
    {
        get
        {
            lock (s_gate)
                return s_current?._targets;
        }
    }

    /// <summary>Completes when nothing of it is left to send.</summary>
    public static Task EndedAsync()
    {
        lock (s_gate)
            return s_ending;
    }

    public void Dispose()
    {
        _server?.Dispose();
        _metrics.Dispose();
        _pages.Dispose();
    }

    private void Listen(ManagementAddress address, ILogger log)
    {
        if (_server is null)
        {
            (_address, _server) = (address, new ManagementServer(address.Listen(), _pages.AnswerAsync, log));
            Log.ManagementListening(log, _server.Address);
        }
        else if (address != _address && address.ToString() != _server.Address)
        {
            throw new XpraAesException(XpraErrorId.InvalidOption, $"Health and metrics of this process are served on {_server.Address} already.", "Give this listener the same -ManagementAddress, or none: the metrics there are those of all listeners.") { Target = address.ToString() };
        }
    }

    private IReadOnlyList<AesListener> ListenersOf()
    {
        lock (s_gate)
            return [.. _listeners];
    }

    private void Leave(AesListener? listener)
    {
        lock (s_gate)
        {
            if (listener is not null)
                _listeners.Remove(listener);
            if (--_users > 0)
                return;
            s_current = null;
            // The address is free at once; sending the last metrics may take seconds.
            _server?.Dispose();
            _server = null;
            s_ending = Task.WhenAll(s_ending, Task.Run(Dispose));
        }
    }

    /// <summary>One listener's share.</summary>
    public sealed class Lease : IDisposable
    {
        private readonly ManagementService _service;
        private readonly bool _isListed;
        private bool _isHandedOver;

        internal Lease(ManagementService service, bool isListed) => (_service, _isListed) = (service, isListed);

        /// <summary>The listener counts from now on until it has stopped.</summary>
        public void Attach(AesListener listener)
        {
            lock (s_gate)
            {
                _isHandedOver = true;
                if (_isListed)
                {
                    listener.ManagementAddress = _service._server!.Address;
                    _service._listeners.Add(listener);
                }
            }
            _ = listener.Completion.ContinueWith(_ => _service.Leave(listener), TaskScheduler.Default);
        }

        /// <summary>Gives it back, if no listener has it.</summary>
        public void Dispose()
        {
            if (!_isHandedOver)
                _service.Leave(null);
        }
    }
}
