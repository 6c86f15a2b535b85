using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace XpraAes.Listening;

/// <summary>
/// Tells systemd about a listener (sd_notify(3)): that it is ready, how many sessions it has, that it is alive, and that it stops. Never fails: a
/// service manager that does not listen is not told.
/// </summary>
/// <remarks>Our own: Microsoft.Extensions.Hosting.Systemd has neither STATUS nor WATCHDOG, and is for programs built on its host.</remarks>
internal sealed class SystemdNotifier : IDisposable
{
    /// <summary>How often the sessions are counted; arbitrary.</summary>
    private static readonly TimeSpan s_statusInterval = TimeSpan.FromSeconds(5);

    /// <summary>What systemd may take to notice that the process has ended, in addition to the time it was told; arbitrary.</summary>
    private static readonly TimeSpan s_stopMargin = TimeSpan.FromSeconds(10);

    private readonly AesListener _listener;
    private readonly Socket _socket;
    private readonly UnixDomainSocketEndPoint _address;
    private readonly Timer _statusTimer;
    private readonly Timer? _watchdogTimer;
    private string _status = "";

    private SystemdNotifier(AesListener listener, string address, TimeSpan? watchdog)
    {
        _listener = listener;
        // An @ stands for the zero byte that begins the name of an abstract socket.
        _address = new UnixDomainSocketEndPoint(address[0] == '@' ? "\0" + address[1..] : address);
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
        Send($"READY=1\n{NextStatus()}");
        _statusTimer = new Timer(_ => SendStatus(), null, s_statusInterval, s_statusInterval);
        // Twice as often as systemd expects it. A timer needs a thread of the pool, so one that is stuck is noticed.
        if (watchdog / 2 is { } interval)
            _watchdogTimer = new Timer(_ => SendWatchdog(), null, TimeSpan.Zero, interval);
    }

    /// <summary>Says that the listener is ready, if systemd wants to know (NOTIFY_SOCKET); null if it does not.</summary>
    public static SystemdNotifier? Start(AesListener listener, Func<string, string?> environment)
    {
        // There are also vsock: addresses, for whole virtual machines.
        if (OperatingSystem.IsWindows() || environment("NOTIFY_SOCKET") is not ['/' or '@', _, ..] address)
            return null;
        try
        {
            return new SystemdNotifier(listener, address, WatchdogIn(environment));
        }
        catch (Exception e) when (e is ArgumentException or SocketException)
        {
            return null;
        }
    }

    /// <summary>Says that the listener stops, and that this may take so long.</summary>
    public void Stopping(TimeSpan atMost)
        => Send(string.Create(CultureInfo.InvariantCulture, $"STOPPING=1\nEXTEND_TIMEOUT_USEC={(long)(atMost + s_stopMargin).TotalMicroseconds}\n{NextStatus()}"));

    public void Dispose()
    {
        _statusTimer.Dispose();
        _watchdogTimer?.Dispose();
        _socket.Dispose();
    }

    /// <summary>The time within which systemd wants to hear from this process; null if it does not.</summary>
    private static TimeSpan? WatchdogIn(Func<string, string?> environment)
    {
        var process = environment("WATCHDOG_PID");
        var isForUs = process is null || process == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return isForUs && long.TryParse(environment("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var time) && time > 0 ? TimeSpan.FromMicroseconds(Math.Min(time, TimeSpan.FromDays(1).TotalMicroseconds)) : null;
    }

    private void SendStatus()
    {
        var before = _status;
        if (NextStatus() is var status && status != before)
            Send(status);
    }

    private void SendWatchdog()
    {
        if (_listener.IsAlive)
            Send("WATCHDOG=1");
    }

    private string NextStatus()
    {
        var count = _listener.Connections.Count;
        var sessions = count == 1 ? "1 session" : string.Create(CultureInfo.InvariantCulture, $"{count} sessions");
        return _status = _listener switch
        {
            { State: ListenerState.Listening } => $"STATUS={sessions} on {string.Join(", ", _listener.Endpoints)}",
            { IsOpen: true } => $"STATUS=About to stop, with {sessions} on {string.Join(", ", _listener.Endpoints)}",
            _ => $"STATUS=Stopping, with {sessions} left",
        };
    }

    private void Send(string state)
    {
        try
        {
            _socket.SendTo(Encoding.UTF8.GetBytes(state), _address);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // systemd is not there, or does not read.
        }
    }
}
