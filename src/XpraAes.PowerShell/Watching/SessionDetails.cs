using System.Globalization;
using XpraAes.Management;

namespace XpraAes.PowerShell.Watching;

/// <summary>All that is known about a session, beside its ciphers.</summary>
internal static class SessionDetails
{
    public static DetailSection Of(SessionStatus session) => new("Session",
    [
        ("Id", $"{session.Id}"),
        ("State", session.CloseReason is { } reason ? $"{session.State}: {reason}" : session.State),
        ("Direction", session.Direction),
        ("Endpoint", session.Endpoint),
        ("Peer", session.Peer),
        ("User", session.UserName is { } user ? session.Direction == $"{ConnectionDirection.Outbound}" ? user : $"{user} (by its own account)" : "-"),
        ("Route", session.Route ?? "-"),
        ("Target", session.Target ?? "-"),
        ("Opened", session.Opened.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)),
        ("Latency", Units.Latency(session.Latency is { } latency ? TimeSpan.FromMilliseconds(latency) : null)),
        ("Received", $"{Units.Bytes(session.BytesIn)} in {session.PacketsIn} packets"),
        ("Sent", $"{Units.Bytes(session.BytesOut)} in {session.PacketsOut} packets"),
    ]);
}
