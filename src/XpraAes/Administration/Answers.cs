using System.Globalization;
using System.Text.RegularExpressions;
using XpraAes.Encodings;
using XpraAes.Handshake;
using XpraAes.Packets;

namespace XpraAes.Administration;

/// <summary>Reads servers' answers to requests (PROTOCOL section 14).</summary>
internal static partial class Answers
{
    // The codes and words of xpra/net/control and its predecessors.
    private const int InvalidCommand = 6;

    /// <summary>Real information has more keys than an error with, possibly, a version.</summary>
    private const int MaxErrorKeys = 2;
    private const string InvalidCommandText = "invalid command", Disabled = "feature is currently disabled";

    /// <summary>What servers say in place of a disconnect: read-only ones, and those with control turned off for the socket or altogether.</summary>
    private static readonly string[] s_refusals = ["denied by readonly mode", "not enabled on this connection", "control channel is disabled"];

    /// <summary>The information in the answer.</summary>
    /// <exception cref="XpraAesException">RequestRefused.</exception>
    public static XpraDictionary Info(Packet answer, string server)
    {
        if (answer.Type != Hello.PacketType || answer.Dictionary(1) is not { } info)
            throw Refused(server, "info", Refusals.Reason(answer));
        return Info(info, server);
    }

    /// <summary>The information, unless it is only an error, as from 6.2 and later with info=no.</summary>
    /// <exception cref="XpraAesException">RequestRefused.</exception>
    public static XpraDictionary Info(XpraDictionary info, string server)
        => info.Count <= MaxErrorKeys && ServerText.Line(info["error"]) is { } error ? throw Refused(server, "info", error) : info;

    /// <summary>The answer to a control command.</summary>
    /// <exception cref="XpraAesException">ControlFailed, RequestUnsupported, StartDisabled, RequestRefused.</exception>
    public static ControlResult Control(Packet answer, string command, string server)
    {
        if (answer.Type != Hello.PacketType || answer.Dictionary(1) is not { } hello)
            throw Refused(server, "command", Refusals.Reason(answer));
        if (hello["command_response"] is not object?[] { Length: >= 2 } response || response[0] is not long and not int)
            throw new XpraAesException(XpraErrorId.RequestUnsupported, $"{server}: the server did not answer '{command}'.", "Its administrator may have turned control commands off (control=no).") { Target = server };
        var result = new ControlResult
        {
            Server = server,
            Command = command,
            Code = (int)Math.Clamp(Convert.ToInt64(response[0], CultureInfo.InvariantCulture), int.MinValue, int.MaxValue),
            Text = ServerText.Lines(response[1])?.Trim(),
        };
        if (result.Code == 0)
            return result;
        var words = ServerText.Line(response[1]) ?? "no reason";
        throw result.Code switch
        {
            InvalidCommand when words.Contains(InvalidCommandText, StringComparison.Ordinal) => Unsupported(server, command),
            _ when words.Contains(Disabled, StringComparison.Ordinal) => StartDisabled(server),
            _ when s_refusals.Any(refusal => words.Contains(refusal, StringComparison.Ordinal)) => Refused(server, command, words),
            _ => new XpraAesException(XpraErrorId.ControlFailed, $"{server}: '{command}' failed with code {result.Code}: {words}", "Invoke-XpraControl help lists the server's commands, and help with a name shows its arguments.") { Target = server },
        };
    }

    /// <summary>The picture; null where nothing is shown.</summary>
    /// <exception cref="XpraAesException">RequestRefused; MalformedPacket.</exception>
    public static Screenshot? Picture(Packet answer, string server)
    {
        if (answer.Type != "screenshot")
            throw Refused(server, "screenshot", Refusals.Reason(answer));
        if (answer[1] is not (long and >= 0 and <= int.MaxValue) || answer[2] is not (long and >= 0 and <= int.MaxValue) || answer.Bytes(5) is not { } data)
            throw new XpraAesException(XpraErrorId.MalformedPacket, $"{server}: the screenshot is not in a form that xpra sends.") { Target = server };
        return data.Length == 0 ? null : new Screenshot((int)(long)answer[1]!, (int)(long)answer[2]!, answer.Text(3), data);
    }

    /// <summary>Whether a server's last words mean that it ends as it was asked to. Of anything else, a refusal must not look like success.</summary>
    public static bool IsEnd(string reason) => reason.Contains("server shutdown", StringComparison.Ordinal) || reason.Contains("server exit", StringComparison.Ordinal);

    /// <summary>What a disconnect that ends a request says: <c>done</c> of detach, <c>server shutdown</c> or <c>server exit</c> of stop and exit.</summary>
    public static ControlResult Disconnect(Packet answer, string request, string server)
    {
        var reason = Refusals.Reason(answer);
        if (answer.Type != Hello.DisconnectType || !(request == "detach" ? answer.Text(1) == "done" : IsEnd(reason)))
            throw Refused(server, request, answer.Type == Hello.DisconnectType ? reason : "it opened a session instead");
        return new ControlResult { Server = server, Command = request, Code = 0, Text = answer.Text(2) is { Length: > 0 } details ? details : answer.Text(1) };
    }

    /// <summary>The process id in <c>new command started with pid=4711</c>.</summary>
    public static int? ProcessId(string? text)
        => text is not null && ProcessIdPattern().Match(text) is { Success: true } match && int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;

    public static XpraAesException Refused(string server, string request, string words)
        => new(XpraErrorId.RequestRefused, $"{server}: the server refuses '{request}': {words}", "Proxy servers refuse most requests, and an administrator can turn each one off, as with control=no on a socket.") { Target = server };

    public static XpraAesException Unsupported(string server, string command, string? version = null)
        => new(XpraErrorId.RequestUnsupported, $"{server}: {(version is null ? "the server" : $"xpra {version}")} has no '{command}'.", "Invoke-XpraControl help lists what it has; versions and session types differ.") { Target = server };

    public static XpraAesException StartDisabled(string server)
        => new(XpraErrorId.StartDisabled, $"{server}: the server does not start programs for clients.", "Start it with --start-new-commands=yes.") { Target = server };

    [GeneratedRegex(@"pid=([0-9]{1,10})\b")]
    private static partial Regex ProcessIdPattern();
}
