using System.Text.Json;

namespace XpraAes.Tests;

/// <summary>One recorded session (captures/README.md).</summary>
internal sealed class Capture
{
    public Capture(string file) => Root = JsonDocument.Parse(File.ReadAllText(file)).RootElement;

    public static IEnumerable<Capture> All => SharedFiles.Captures.Select(file => new Capture(file));

    public JsonElement Root { get; }

    public string Name => Root.GetProperty("name").GetString()!;

    public bool IsWebSocket => Name.EndsWith("websocket", StringComparison.Ordinal);

    public byte[] KeyData => Convert.FromHexString(Root.GetProperty("key_data").GetString()!);

    /// <summary>Each cipher context in the order in which it was announced.</summary>
    public JsonElement[] Ciphers => [.. Root.GetProperty("ciphers").EnumerateArray()];

    public JsonElement[] Packets => [.. Root.GetProperty("packets").EnumerateArray()];

    /// <summary>Every byte of one direction, "c2s" or "s2c".</summary>
    public byte[] Stream(string direction) => Convert.FromHexString(Root.GetProperty("streams").GetProperty(direction).GetString()!);
}
