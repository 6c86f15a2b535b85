using System.Net;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>What a listener brings into each handshake.</summary>
internal sealed record ServerHandshakeOptions
{
    /// <summary>The keys that clients may hold: several only with <see cref="EncryptFirstPacket"/>, none where they come in clear.</summary>
    public required IReadOnlyList<XpraKey> Keys { get; init; }

    /// <summary>The modes that are let in.</summary>
    public required IReadOnlyCollection<AesMode> Modes { get; init; }

    public int KeySize { get; init; } = ProtocolDefaults.KeySize;
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;
    public bool EncryptFirstPacket { get; init; }

    /// <summary>The password that a client must know; null for none.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>The user name that a client must give; null for any.</summary>
    public string? UserName { get; init; }

    /// <summary>Whether a client that expects a challenge gets one although no password is set. A gateway leaves that to its target.</summary>
    public bool SatisfyExpectedChallenge { get; init; } = true;

    /// <summary>Why a client that asks for this is sent away; null lets it in. Told are the request, the hello, whether the key is proven, and whether the hello at least was made by one who holds it. Decided before a key is derived for what it sends.</summary>
    public Func<string?, XpraDictionary, bool, bool, string?> Refuse { get; init; } = (_, _, _, _) => null;

    /// <summary>Called when a hello has come that can be served, before a key is derived for it.</summary>
    public Action? HelloAccepted { get; init; }

    public required Limits Limits { get; init; }

    /// <summary>The client's address, between which the memory of salts is shared.</summary>
    public IPAddress Source { get; init; } = IPAddress.None;

    /// <summary>The time that the hellos of our own clients are compared with.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>What is left of <see cref="Limits.HandshakeTimeout"/> for the first hello.</summary>
    public required TimeSpan HelloTimeout { get; init; }

    /// <summary>Bounds how many key derivations run at a time.</summary>
    public required DerivationGate.Entrance Derivations { get; init; }
}
