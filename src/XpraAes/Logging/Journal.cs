using System.Net.Sockets;
using System.Text;

namespace XpraAes.Logging;

/// <summary>systemd's journal, in its native protocol: each line is the message of an entry. For the path /run/systemd/journal/socket.</summary>
/// <param name="path">The path of its socket.</param>
internal sealed class Journal(string path)
{
    // 6 is "informational" of syslog(3).
    private const string Fields = "PRIORITY=6\nSYSLOG_IDENTIFIER=xpra-aes\nMESSAGE=";

    /// <summary>Whether it can be used.</summary>
    public bool IsThere() => TrySend("");

    /// <summary>Sends lines. False: that was not possible, for at least one of them.</summary>
    public Task<bool> TryAppendAsync(string lines, CancellationToken cancellationToken) => Task.FromResult(!cancellationToken.IsCancellationRequested && TrySend(lines));

    private bool TrySend(string lines)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = 1000 };
            socket.Connect(new UnixDomainSocketEndPoint(path));
            foreach (var line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                socket.Send(Encoding.UTF8.GetBytes($"{Fields}{line}\n"));
            return true;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return false;
        }
    }
}
