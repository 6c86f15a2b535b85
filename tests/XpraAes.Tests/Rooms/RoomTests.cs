using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Packets;
using XpraAes.Transports;
using dnlib.DotNet;

namespace XpraAes.Tests.Rooms;

/// <summary>The rooms of the library, and that each uses only those below it.</summary>
public sealed class RoomTests
{
    /// <summary>From the bottom up. The root is below them all, but for what it shows of them: see <see cref="Height"/>.</summary>
    private static readonly string[] s_rooms =
        ["Logging", "Keys", "Ciphers", "Encodings", "Transports", "Packets", "Handshake", "Connections", "Gateway", "Listening", "Diagnostics"];

    private static readonly ModuleDefMD s_library = ModuleDefMD.Load(typeof(XpraAesException).Assembly.Location);
    private static readonly ILookup<TypeDef, TypeDef> s_uses = TypeReferences.Of(s_library).ToLookup(pair => pair.From, pair => pair.To);

    [Fact]
    public void No_room_uses_one_above_it()
    {
        string[] up = [.. s_uses.SelectMany(uses => uses, (uses, used) => (From: uses.Key, To: used))
            .Where(pair => RoomOf(pair.From) is { } room && Height(pair.To) > Array.IndexOf(s_rooms, room))
            .Select(pair => $"{pair.From.FullName} -> {pair.To.FullName} ({Where(pair.To)})").Order(StringComparer.Ordinal)];
        Assert.True(up.Length == 0, $"These go up:\n{string.Join('\n', up)}");
    }

    [Fact]
    public void Every_namespace_is_a_room()
        => Assert.Equal(s_rooms.Order(), s_library.GetTypes().Select(RoomOf).OfType<string>().Distinct().Order());

    /// <summary>A reader that saw nothing would let everything pass: one use of each kind.</summary>
    [Theory]
    [InlineData("PacketChannel", "WebSocketStream")] // a type that code tests for
    [InlineData("PacketDecryptor", "MalformedPacketException")] // an exception thrown
    [InlineData("KeyTrial", "Limits")] // a parameter
    [InlineData("ListeningSocket", "XpraEndpoint")] // a field
    [InlineData("RelaySession", "ISession")] // an interface
    [InlineData("CbcCipher", "BlockModeCipher")] // a base class
    [InlineData("LiveObjects", "AesListener")] // a type argument
    [InlineData("XpraConnector", "ClientHandshake")] // within an async method, which the compiler makes a type of
    public void The_references_of_a_type_are_found(string from, string to)
        => Assert.Contains(s_uses.Where(uses => uses.Key.Name == from).SelectMany(uses => uses), used => used.Name == to);

    /// <summary>Where a type stands. What scripts see in the root counts as part of the highest room that it uses: or rooms would meet in a circle there.</summary>
    private static int Height(TypeDef type) => Reachable(type).Max(reached => RoomOf(reached) is { } room ? Array.IndexOf(s_rooms, room) : -1);

    private static string Where(TypeDef type) => Height(type) is >= 0 and var height ? s_rooms[height] : "root";

    private static string? RoomOf(TypeDef type) => type.Namespace.ToString().Split('.') is ["XpraAes", var room, ..] ? room : null;

    /// <summary>The type itself, and through types of the root alone whatever they use.</summary>
    private static HashSet<TypeDef> Reachable(TypeDef type)
    {
        HashSet<TypeDef> seen = [];
        Stack<TypeDef> open = new([type]);
        while (open.TryPop(out var next))
        {
            if (!seen.Add(next) || RoomOf(next) is not null)
                continue;
            foreach (var used in s_uses[next])
                open.Push(used);
        }
        return seen;
    }
}
