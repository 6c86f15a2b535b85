using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;
using dnlib.DotNet;

namespace XpraAes.Tests.Layers;

/// <summary>The library's namespaces are layers, each of which uses only those below it.</summary>
public sealed class LayerTests
{
    /// <summary>From the bottom up. Types of the root namespace count as below all layers, except as in <see cref="Height"/>.</summary>
    private static readonly string[] s_layers =
        ["Logging", "Keys", "Ciphers", "Encodings", "Transports", "Packets", "Handshake", "Connections", "Administration", "Gateway", "Listening", "Management", "Diagnostics"];

    private static readonly ModuleDefMD s_library = ModuleDefMD.Load(typeof(XpraAesException).Assembly.Location);
    private static readonly ILookup<TypeDef, TypeDef> s_uses = TypeReferences.Of(s_library).ToLookup(pair => pair.From, pair => pair.To);

    [Fact]
    public void No_layer_uses_one_above_it()
    {
        string[] up = [.. s_uses.SelectMany(uses => uses, (uses, used) => (From: uses.Key, To: used))
            .Where(pair => LayerOf(pair.From) is { } layer && Height(pair.To) > Array.IndexOf(s_layers, layer))
            .Select(pair => $"{pair.From.FullName} -> {pair.To.FullName} ({Where(pair.To)})").Order(StringComparer.Ordinal)];
        Assert.True(up.Length == 0, $"These use a higher layer:\n{string.Join('\n', up)}");
    }

    [Fact]
    public void Every_namespace_is_a_layer()
        => Assert.Equal(s_layers.Order(), s_library.GetTypes().Select(LayerOf).OfType<string>().Distinct().Order());

    /// <summary>Checks the reference reader itself with one use of each kind; one that found nothing would let everything pass.</summary>
    [Theory]
    [InlineData("PacketChannel", "IHalfClosable")] // a type that code tests for
    [InlineData("PacketDecryptor", "MalformedPacketException")] // an exception thrown
    [InlineData("KeyTrial", "Limits")] // a parameter
    [InlineData("ListeningSocket", "XpraEndpoint")] // a field
    [InlineData("RelaySession", "ISession")] // an interface
    [InlineData("CbcCipher", "BlockModeCipher")] // a base class
    [InlineData("LiveObjects", "AesListener")] // a type argument
    [InlineData("XpraConnector", "ClientHandshake")] // in an async method, which is compiled to a nested type
    public void The_references_of_a_type_are_found(string from, string to)
        => Assert.Contains(s_uses.Where(uses => uses.Key.Name == from).SelectMany(uses => uses), used => used.Name == to);

    /// <summary>A type's layer. A root type counts as part of the highest layer that it uses; otherwise layers could form cycles through the root.</summary>
    private static int Height(TypeDef type) => Reachable(type).Max(reached => LayerOf(reached) is { } layer ? Array.IndexOf(s_layers, layer) : -1);

    private static string Where(TypeDef type) => Height(type) is >= 0 and var height ? s_layers[height] : "root";

    private static string? LayerOf(TypeDef type) => type.Namespace.ToString().Split('.') is ["XpraAes", var layer, ..] ? layer : null;

    /// <summary>The type itself, and everything it uses directly or through root types.</summary>
    private static HashSet<TypeDef> Reachable(TypeDef type)
    {
        HashSet<TypeDef> seen = [];
        Stack<TypeDef> open = new([type]);
        while (open.TryPop(out var next))
        {
            if (!seen.Add(next) || LayerOf(next) is not null)
                continue;
            foreach (var used in s_uses[next])
                open.Push(used);
        }
        return seen;
    }
}
