using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;
using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>
/// Connects to the first of several targets that can be connected to. One that could not is left out for <see cref="Limits.TargetRetryTime"/>;
/// after that, the next session has it tried in the background, and does not wait for it. Only a failure to connect counts, which no client
/// can cause: what happens on a connection, such as a hello that the target does not like, leaves other sessions alone.
/// </summary>
internal sealed class TargetHealth(Limits limits, TimeProvider clock, ILogger log, CancellationToken stopping)
{
    /// <summary>A target that could not be connected to.</summary>
    private sealed class Failure
    {
        public long Since { get; set; }

        public bool IsProbing { get; set; }
    }

    private readonly ConcurrentDictionary<string, Failure> _failures = new(StringComparer.Ordinal);

    /// <summary>Whether the latest attempt to connect to it succeeded, or there was none.</summary>
    /// <param name="target">Its URI.</param>
    public bool IsAvailable(string target) => !_failures.ContainsKey(target);

    /// <summary>Connects to the first target that is available; if none is, to the first that can be connected to.</summary>
    /// <param name="targets">In order of preference.</param>
    /// <param name="client">What a target that wants a PROXY header is told about the client.</param>
    /// <param name="cancellationToken">Ends the attempts.</param>
    /// <exception cref="XpraAesException">As <see cref="Transport.ConnectAsync"/>, of the last one tried.</exception>
    public async Task<(TargetOptions Target, Stream Stream, string Peer)> ConnectAsync(IReadOnlyList<TargetOptions> targets, ProxyHeader client, CancellationToken cancellationToken)
    {
        if (targets.Count > 1)
            targets = [.. targets.OrderByDescending(target => IsAvailable(target.ToString()))];
        for (var i = 0; ; i++)
        {
            var target = targets[i];
            var started = Stopwatch.GetTimestamp();
            try
            {
                var (stream, peer) = await TransportTable.ConnectAsync(target.Endpoint with { Proxied = client }, target.Keys, limits.TargetConnectTimeout, limits, cancellationToken).ConfigureAwait(false);
                Instruments.RecordTargetConnect(Stopwatch.GetElapsedTime(started), null);
                Recover(target.Endpoint);
                Probe(targets.Skip(i + 1));
                return (target, stream, peer);
            }
            catch (XpraAesException e)
            {
                Instruments.RecordTargetConnect(Stopwatch.GetElapsedTime(started), e.Id);
                Fail(target.Endpoint, e);
                if (i + 1 == targets.Count)
                    throw;
            }
        }
    }

    private void Fail(XpraEndpoint target, XpraAesException failure)
    {
        var now = clock.GetTimestamp();
        if (_failures.TryAdd(target.ToString(), new Failure { Since = now }))
            Log.TargetUnavailable(log, target.ToString(), failure.Id, failure.Message);
        else if (_failures.TryGetValue(target.ToString(), out var known))
            known.Since = now;
    }

    private void Recover(XpraEndpoint target)
    {
        if (_failures.TryRemove(target.ToString(), out _))
            Log.TargetAvailable(log, target.ToString());
    }

    /// <summary>Tries the targets that failed some time ago, one connection each at a time.</summary>
    private void Probe(IEnumerable<TargetOptions> targets)
    {
        foreach (var target in targets)
        {
            if (!_failures.TryGetValue(target.Endpoint.ToString(), out var failure))
                continue;
            lock (failure)
            {
                if (failure.IsProbing || clock.GetElapsedTime(failure.Since) < limits.TargetRetryTime)
                    continue;
                failure.IsProbing = true;
            }
            _ = ProbeAsync(target.Endpoint, failure);
        }
    }

    private async Task ProbeAsync(XpraEndpoint target, Failure failure)
    {
        try
        {
            // Without the transport's own handshake: its keys may be gone by now.
            if (await TransportTable.AcceptsAsync(target, limits.TargetConnectTimeout, limits, stopping).ConfigureAwait(false))
                Recover(target);
            else
                failure.Since = clock.GetTimestamp();
        }
        catch (OperationCanceledException)
        {
            // The listener has stopped.
        }
        finally
        {
            lock (failure)
                failure.IsProbing = false;
        }
    }
}
