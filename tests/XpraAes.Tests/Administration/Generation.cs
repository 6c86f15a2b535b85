using XpraAes.Encodings;
using XpraAes.Tests.Diagnostics;

namespace XpraAes.Tests.Administration;

/// <summary>What servers of each generation answer to requests, as recorded from 3.1.3, 4.4.6, 5.1.6, 6.1.3, 6.2.5, 6.5.3 and the development tree.</summary>
internal static class Generation
{
    /// <summary>The start of every PNG file, and something after it.</summary>
    public static readonly byte[] Png = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3];

    public const string Help = "control supports: hello, debug, help, focus, start, start-child, name, quality";

    /// <summary>A server of that version which shows a window of 484 by 316 pixels, and one client besides the asking one.</summary>
    public static ServerTraits Of(string version, bool startsPrograms = true, bool showsWindow = true)
    {
        var traits = ServerTraits.All.Single(traits => traits.Version == version);
        return traits with
        {
            Silent = false,
            Info = Information(version),
            Features = new() { ["uuid"] = "of the server", ["client-shutdown"] = true },
            SessionScreenshot = Screenshot(traits, showsWindow),
            Answer = (request, arguments) => request switch
            {
                "command" => ["hello", new XpraDictionary { ["command_response"] = Control(traits, arguments, startsPrograms) }],
                "screenshot" => Screenshot(traits, showsWindow),
                "detach" => ["disconnect", "done", traits.Version is "6.5.3" or "6.6" ? "1 clients have been disconnected" : "1 other clients have been disconnected"],
                "stop" when UsesPackets(traits) => null,
                "exit" when UsesPackets(traits) => null,
                "stop" => ["disconnect", "server shutdown"],
                "exit" => ["disconnect", "server exit"],
                _ => null,
            },
        };
    }

    /// <summary>Whether <c>stop</c> opens a session, in which a packet stops the server.</summary>
    public static bool UsesPackets(ServerTraits traits) => traits.Generation is 3 or 4;

    /// <summary>Whether <c>start</c> hands its first argument to a shell: up to 6.3.</summary>
    public static bool UsesShell(ServerTraits traits) => traits.Version is not ("6.5.3" or "6.6");

    private static object?[] Control(ServerTraits traits, IReadOnlyList<string> command, bool startsPrograms) => command switch
    {
        ["help"] => [0L, Help],
        ["start" or "start-child", ..] when !startsPrograms => [127L, " this feature is currently disabled"],
        ["start", ..] => [0L, "new command started with pid=4711"],
        ["start-child", ..] => [0L, "new child command started with pid=4712"],
        ["name", ..] when traits.Version == "6.5.3" => [6L, "invalid command"],
        ["name", var name] => [0L, $"session name set to {name}"],
        ["send-notification", var id, ..] when !traits.Version.StartsWith("6.5", StringComparison.Ordinal) && traits.Version != "6.6" => [0L, $"notification id {id}: message sent to 1 clients"],
        // From 6.5 on, only with --file-transfer.
        ["send-file", var file, _, var clients] when traits.Version is not ("6.5.3" or "6.6") => file.EndsWith("missing", StringComparison.Ordinal) ? [1L, $"file '{file}' does not exist"] : [0L, $"send file of '{file}' to {clients} initiated"],
        ["quality", "abc"] => [127L, " argument 1 failed validation: invalid literal for int() with base 10: 'abc'\n 'quality': set encoding quality (from 0 to 100)"],
        ["readonly", ..] => [1L, "control command 'readonly' denied by readonly mode"],
        _ => [6L, "invalid command"],
    };

    private static object?[] Screenshot(ServerTraits traits, bool showsWindow) => showsWindow
        ? ["screenshot", 484L, 316L, "png", 1936L, Png]
        : ["screenshot", 0L, 0L, "png", traits.Generation is 3 or 4 ? -1L : 0L, traits.Generation == 4 ? "" : Array.Empty<byte>()];

    private static XpraDictionary Information(string version)
    {
        var window = new XpraDictionary
        {
            ["title"] = "xterm",
            ["class-instance"] = new object?[] { "xterm", "XTerm" },
            ["pid"] = 773L,
            ["focused"] = false,
            ["size"] = new object?[] { 484L, 316L },
            ["shown"] = true,
        };
        if (version != "6.6")
            window["geometry"] = new object?[] { 20L, -7L, 484L, 316L };
        var windows = new XpraDictionary();
        if (version is "6.5.3" or "6.6")
            (windows["count"], windows["total"]) = (1L, 1L);
        windows.Set(version == "6.6" ? 4194316L : 1L, window);
        var client = new XpraDictionary
        {
            ["elapsed_time"] = 48L,
            ["version"] = version,
            ["uuid"] = "44deee9b",
            ["idle_time"] = 48L,
            ["connection"] = new XpraDictionary
            {
                ["type"] = "tcp",
                ["endpoint"] = new object?[] { "127.0.0.1", 53416L },
                ["input"] = new XpraDictionary { ["cipher"] = new XpraDictionary { [""] = version == "3.1.3" ? "AES" : "AES-CBC" } },
                ["client"] = new XpraDictionary { ["ping_latency"] = new XpraDictionary { ["cur"] = 3L } },
            },
        };
        if (version == "3.1.3")
            (client["hostname"], client["type"]) = ("vm", "Python/GTK3");
        var info = new XpraDictionary { ["windows"] = windows, ["clients"] = new XpraDictionary { [""] = 1L, ["unauthenticated"] = 0L } };
        var build = new XpraDictionary { ["version"] = version };
        if (version is "6.5.3" or "6.6")
        {
            (info["build"], info["elapsed_time"]) = (build, 200L);
            info["display"] = new XpraDictionary { ["name"] = ":1715" };
            info["name"] = "xterm";
            info["state"] = new XpraDictionary { ["focused"] = 0L };
            var numbered = new XpraDictionary();
            numbered.Set(0L, client);
            info["client"] = numbered;
        }
        else
        {
            info["server"] = new XpraDictionary { ["display"] = ":1715", ["elapsed_time"] = 200L, ["build"] = build };
            info["session"] = new XpraDictionary { ["name"] = "xterm" };
            info["state"] = new XpraDictionary { ["windows"] = 1L, ["focused"] = 0L };
            info["client"] = client;
            info["bandwidth-limit"] = 0L;
        }
        return info;
    }
}
