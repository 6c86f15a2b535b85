using XpraAes.PowerShell.Watching;

namespace XpraAes.Tests.Watching;

/// <summary>Made-up snapshots.</summary>
internal static class Snapshots
{
    public static SessionRow Session(int id, string peer = "192.0.2.7:40000", string user = "ada", double rate = 1000, Func<Task>? disconnect = null)
    {
        var traffic = new RateHistory();
        for (var second = 0; second <= 60; second++)
            traffic.Add(TimeSpan.FromSeconds(second), (long)(rate * second), (long)(2 * rate * second));
        return new SessionRow
        {
            Key = $"{id}",
            Id = id,
            State = "open",
            Tone = Tone.Good,
            Peer = peer,
            User = user,
            Route = "unix:///run/user/1000/xpra/host-100",
            Transport = "tcp",
            Cipher = "AES-CTR",
            Traffic = traffic,
            Latency = TimeSpan.FromMilliseconds(12),
            Age = TimeSpan.FromMinutes(id),
            Details = () => [new DetailSection("Session", [("Peer", peer), ("User", user), ("Salt", new string('a', 128))])],
            Disconnect = disconnect ?? (() => Task.CompletedTask),
        };
    }

    public static WatchSnapshot Of(params SessionRow[] sessions) => new()
    {
        Time = new DateTime(2026, 11, 28, 12, 34, 56),
        PlaceKind = "listener",
        Places = [new PlaceRow { Id = 1, Name = "127.0.0.1:10000", State = "listening", Tone = Tone.Good, Note = "unix:///run/user/1000/xpra/host-100", Sessions = sessions.Length }],
        Sessions = sessions,
        Traffic = new RateHistory(),
        Refusals = [("KeyMismatch", 12), ("HandshakeTimeout", 3)],
        Facts = ["derivations 12/s, 1 running, 0 waiting", "memory 143 MB, heap 52 MB"],
    };

    /// <summary>A key as a terminal sends it.</summary>
    public static ConsoleKeyInfo Key(char text) => new(text, char.IsAsciiLetter(text) ? (ConsoleKey)char.ToUpperInvariant(text) : ConsoleKey.None, char.IsUpper(text), alt: false, control: false);

    public static ConsoleKeyInfo Key(ConsoleKey key) => new('\0', key, shift: false, alt: false, control: false);
}
