using System.Globalization;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Transports;

namespace XpraAes.Administration;

/// <summary>Reads a server's information, which each generation of xpra arranges differently (PROTOCOL section 14).</summary>
internal static class ServerInformation
{
    /// <summary>Deeper paths are not taken apart; real ones have under 10 parts.</summary>
    private const int MaxDepth = 32;

    /// <summary>Longer names are cut; arbitrary, real ones have under 50 characters.</summary>
    private const int MaxNameLength = 256;

    private const string Client = "client", Connection = "connection";

    /// <summary>
    /// Converts dotted keys to nested dictionaries, and numbers a single client as several are:
    /// <code>
    /// client.connection.input.cipher=AES            3.1 without info-namespace
    /// client: {connection: {input: {cipher: AES}}}  up to 6.2, one client
    /// client: {0: {connection: …}}                  several clients, and 6.3 and later
    /// </code>
    /// A value at an inner node gets the empty key, as in the nested form. Takes time in proportion to the size.
    /// </summary>
    public static XpraDictionary Normalize(XpraDictionary info)
    {
        var nested = Nest(info);
        if (nested.GetDictionary(Client) is not { } client || client.GetDictionary(Connection) is null)
            return nested;
        if (ReferenceEquals(nested, info))
        {
            nested = new XpraDictionary();
            foreach (var (key, value) in info)
                nested.Set(key, value);
        }
        var numbered = new XpraDictionary();
        numbered.Set(0L, client);
        nested[Client] = numbered;
        return nested;
    }

    /// <summary>The value at a path such as <c>client.0.connection</c>; false where there is none. Keys with dots in them are found too.</summary>
    public static bool TryFind(XpraDictionary tree, string path, out object? value)
    {
        object? node = tree;
        var rest = path.AsSpan();
        while (true)
        {
            if (node is not XpraDictionary level || !TryStep(level, ref rest, out node))
            {
                value = null;
                return false;
            }
            if (rest.IsEmpty)
            {
                value = node;
                return true;
            }
        }
    }

    /// <summary>Every value with its full name, as <c>xpra info</c> prints them.</summary>
    public static IEnumerable<(string Name, object? Value)> Flatten(object? node, string name = "")
    {
        if (node is not XpraDictionary level)
        {
            yield return (name, node);
            yield break;
        }
        foreach (var (key, value) in level)
        {
            var part = NameOf(key);
            var path = name.Length == 0 ? part : part.Length == 0 ? name : $"{name}.{part}";
            foreach (var row in Flatten(value, path))
                yield return row;
        }
    }

    /// <summary>A key as text: numbers in decimal digits, bytes that are no text in hex. Cut short, as each of very many names could repeat a very long one.</summary>
    public static string NameOf(object key)
    {
        var name = key switch
        {
            string text => text,
            byte[] bytes => Convert.ToHexString(bytes.AsSpan(0, Math.Min(bytes.Length, MaxNameLength))).ToLowerInvariant(),
            _ => Convert.ToString(key, CultureInfo.InvariantCulture) ?? "",
        };
        return ServerText.Clean(name.Length > MaxNameLength ? name[..MaxNameLength] : name, keepLines: false);
    }

    /// <summary>The attached clients with their numbers.</summary>
    public static IEnumerable<(int Number, XpraDictionary Info)> Clients(XpraDictionary normalized)
    {
        if (normalized.GetDictionary(Client) is not { } clients)
            yield break;
        foreach (var (key, value) in clients)
        {
            if (value is XpraDictionary one && one.GetDictionary(Connection) is not null && NumberOf(key) is >= 0 and <= int.MaxValue and var number)
                yield return ((int)number, one);
        }
    }

    /// <summary>One object for each attached client.</summary>
    public static IReadOnlyList<XpraClient> ReadClients(XpraDictionary normalized, string server) => [.. Clients(normalized).Select(client => ReadClient(client.Number, client.Info, server))];

    /// <summary>One object for each window.</summary>
    public static IReadOnlyList<XpraWindow> ReadWindows(XpraDictionary normalized, string server)
    {
        var focused = (normalized.GetDictionary("state") ?? normalized.GetDictionary("window"))?.GetInteger("focused") ?? normalized.GetDictionary("window")?.GetInteger("focused");
        return [.. Windows(normalized).Select(window => ReadWindow(window.Id, window.Info, focused, server))];
    }

    /// <summary>The session in one row.</summary>
    public static ServerSummary Summarize(XpraDictionary normalized, string server)
    {
        var part = normalized.GetDictionary("server") ?? normalized;
        var clients = Clients(normalized).ToList();
        return new ServerSummary
        {
            Server = server,
            Version = VersionOf(normalized),
            Uptime = Seconds(part["elapsed_time"] ?? normalized["elapsed_time"]),
            Display = ServerText.Line(normalized.GetDictionary("display")?["name"]) ?? ServerText.Line(part["display"]),
            SessionName = ServerText.Line(normalized.GetDictionary("session")?["name"]) ?? ServerText.Line(normalized["session-name"]) ?? ServerText.Line(normalized["name"]),
            Clients = (int)Math.Clamp(normalized.GetDictionary("clients")?.GetInteger("") ?? normalized.GetInteger("clients") ?? clients.Count, 0, int.MaxValue),
            Idle = clients.Select(client => Seconds(client.Info["idle_time"])).Where(idle => idle is not null).DefaultIfEmpty(null).Min(),
            Windows = Windows(normalized).Count(),
            BandwidthLimit = normalized.GetInteger("bandwidth-limit") ?? normalized.GetDictionary("network")?.GetInteger("bandwidth-limit") ?? normalized.GetDictionary("bandwidth")?.GetInteger("limit"),
        };
    }

    /// <summary>The server's version, which each generation reports in another place: in answers to <c>version</c>, and to <c>info</c> of 6.4 and before.</summary>
    public static string? VersionOf(XpraDictionary? answer)
    {
        var text = answer?.GetString("version")
            ?? answer?.GetDictionary("build")?.GetString("version")
            ?? answer?.GetDictionary("server")?.GetDictionary("build")?.GetString("version")
            ?? answer?.GetString("server.build.version");
        return string.IsNullOrEmpty(text) ? null : PeerIdentification.Sanitize(text);
    }

    /// <summary>The peer's address and port; xpra reports them as a list, or as text.</summary>
    public static string? AddressOf(object? endpoint) => endpoint switch
    {
        object?[] { Length: >= 2 } parts when ServerText.Line(parts[0]) is { } host => ServerText.Line(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{parts[1]}" : $"{host}:{parts[1]}"),
        object?[] { Length: 1 } parts => ServerText.Line(parts[0]),
        _ => ServerText.Line(endpoint),
    };

    /// <summary>The mode from a separate key, or from the cipher's name, where <c>AES</c> means CBC; null without a cipher.</summary>
    public static AesMode? ModeOf(object? cipher)
    {
        var details = cipher as XpraDictionary ?? new XpraDictionary { [""] = cipher };
        if (!CipherNames.TryParseMode(details.GetString(""), out var mode))
            return null;
        return CipherNames.TryParseMode(details.GetString("mode"), out var separate) ? separate : mode;
    }

    /// <summary>One attached client.</summary>
    public static XpraClient ReadClient(int number, XpraDictionary client, string server)
    {
        var connection = client.GetDictionary(Connection)!;
        var isSealed = connection.GetString("type") == TransportTable.Of(TransportKind.TlsPsk).Scheme;
        var mode = ModeOf(connection.GetDictionary("input")?["cipher"]);
        return new XpraClient
        {
            Server = server,
            Number = number,
            UserName = ServerText.Line(client["username"]) ?? ServerText.Line(client["user"]),
            HostName = ServerText.Line(client["hostname"]),
            Address = AddressOf(connection["endpoint"]),
            Version = client.GetString("version") is { Length: > 0 } version ? PeerIdentification.Sanitize(version) : null,
            Type = ServerText.Line(client["type"]) ?? ServerText.Line(client["client_type"]),
            Cipher = isSealed ? CipherInfo.Sealed : mode is null ? "none" : $"AES-{mode}",
            Latency = connection.GetDictionary("client")?.GetDictionary("ping_latency")?.GetInteger("cur") is >= 0 and < int.MaxValue and var latency ? TimeSpan.FromMilliseconds(latency) : null,
            Since = Seconds(client["elapsed_time"]) is { } elapsed ? Truncate(DateTime.Now - elapsed) : null,
            Uuid = ServerText.Line(client["uuid"]),
        };
    }

    private static XpraWindow ReadWindow(long id, XpraDictionary window, long? focused, string server)
    {
        var geometry = Numbers(window["geometry"], 4) ?? Numbers(window["client-geometry"], 4);
        var size = Numbers(window["size"], 2);
        return new XpraWindow
        {
            Server = server,
            Id = id,
            Title = ServerText.Line(window["title"]),
            Class = window["class-instance"] is object?[] { Length: > 0 } names ? ServerText.Line(names[^1]) : null,
            Width = geometry?[2] ?? size?[0],
            Height = geometry?[3] ?? size?[1],
            X = geometry?[0],
            Y = geometry?[1],
            Shown = window.GetBoolean("shown"),
            Focused = window.GetBoolean("focused") == true || focused == id,
            ProcessId = window.GetInteger("pid") is > 0 and <= int.MaxValue and var pid ? (int)pid : null,
        };
    }

    private static IEnumerable<(long Id, XpraDictionary Info)> Windows(XpraDictionary normalized)
    {
        if (normalized.GetDictionary("windows") is not { } windows)
            yield break;
        foreach (var (key, value) in windows)
        {
            if (value is XpraDictionary one && NumberOf(key) is { } id)
                yield return (id, one);
        }
    }

    private static XpraDictionary Nest(XpraDictionary info)
    {
        if (!info.Any(pair => pair.Key is string key && IsPath(key)))
            return info;
        var nested = new XpraDictionary();
        // Not those of the server: what is added below must not change its answer.
        var own = new HashSet<XpraDictionary>(ReferenceEqualityComparer.Instance) { nested };
        foreach (var (key, value) in info)
        {
            if (key is not string path || !IsPath(path))
            {
                nested.Set(key, key is string name && nested[name] is XpraDictionary existing && own.Contains(existing) ? WithOwn(existing, value) : value);
                continue;
            }
            var parts = path.Split('.');
            var level = nested;
            foreach (var part in parts[..^1])
            {
                if (level[part] is not XpraDictionary below || !own.Contains(below))
                {
                    below = level[part] is XpraDictionary foreign ? Copy(foreign) : level.ContainsKey(part) ? new XpraDictionary { [""] = level[part] } : new XpraDictionary();
                    own.Add(below);
                    level[part] = below;
                }
                level = below;
            }
            if (level[parts[^1]] is XpraDictionary above && own.Contains(above))
                above[""] = value;
            else
                level[parts[^1]] = value;
        }
        return nested;
    }

    private static XpraDictionary WithOwn(XpraDictionary level, object? value)
    {
        if (value is not XpraDictionary more)
            level[""] = value;
        else
        {
            foreach (var (key, inner) in more)
                level.Set(key, inner);
        }
        return level;
    }

    private static XpraDictionary Copy(XpraDictionary level)
    {
        var copy = new XpraDictionary();
        foreach (var (key, value) in level)
            copy.Set(key, value);
        return copy;
    }

    private static bool IsPath(string key)
    {
        var dots = key.AsSpan().Count('.');
        return dots is > 0 and < MaxDepth;
    }

    private static bool TryStep(XpraDictionary level, ref ReadOnlySpan<char> rest, out object? value)
    {
        // The longest key first, for keys that have dots in them.
        for (var end = rest.Length; end >= 0; end = rest[..end].LastIndexOf('.'))
        {
            if (!TryGet(level, rest[..end].ToString(), out value))
                continue;
            rest = end == rest.Length ? [] : rest[(end + 1)..];
            return true;
        }
        value = null;
        return false;
    }

    private static bool TryGet(XpraDictionary level, string name, out object? value)
    {
        if (level.TryGetValue(name, out value))
            return true;
        foreach (var (key, candidate) in level)
        {
            if (NameOf(key).Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                value = candidate;
                return true;
            }
        }
        return false;
    }

    private static long? NumberOf(object key) => key switch
    {
        long number => number,
        string text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private static int[]? Numbers(object? value, int count)
        => value is object?[] items && items.Length >= count && items.Take(count).All(item => item is long and >= int.MinValue and <= int.MaxValue) ? [.. items.Take(count).Select(item => (int)(long)item!)] : null;

    private static TimeSpan? Seconds(object? value) => value switch
    {
        long and >= 0 and < int.MaxValue => TimeSpan.FromSeconds((long)value),
        double and >= 0 and < int.MaxValue => TimeSpan.FromSeconds((double)value),
        _ => null,
    };

    private static DateTime Truncate(DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerSecond));
}
