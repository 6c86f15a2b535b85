using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using XpraAes.Logging;

namespace XpraAes.Transports;

/// <summary>The socket options that this system refuses. They are tried again for each socket: some systems refuse them only because the peer has just left.</summary>
internal sealed class RefusedOptions
{
    private readonly ConcurrentDictionary<string, bool> _names = [];
    private readonly ConditionalWeakTable<ILogger, object> _told = [];

    /// <summary>Sets one option; notes it if the system refuses it.</summary>
    public void Try(string name, Action set)
    {
        try
        {
            set();
        }
        catch (Exception e) when (e is SocketException or PlatformNotSupportedException)
        {
            _names[name] = true;
        }
    }

    /// <summary>Tells a log once which options have been refused, if any.</summary>
    public void TellOnce(ILogger log)
    {
        if (!_names.IsEmpty && log.IsEnabled(LogLevel.Debug) && _told.TryAdd(log, _names))
            Log.SocketOptionsRefused(log, string.Join(", ", _names.Keys.Order()));
    }
}
