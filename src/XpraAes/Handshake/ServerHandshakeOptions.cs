using System.Net;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>A listener's settings for each handshake.</summary>
internal sealed record ServerHandshakeOptions
{
    /// <summary>The keys that clients may hold: several only with <see cref="EncryptFirstPacket"/>, none for unencrypted clients.</summary>
    public required IReadOnlyList<XpraKey> Keys { get; init; }

    /// <summary>The accepted modes.</summary>
    public required IReadOnlyCollection<AesMode> Modes { get; init; }

    public int KeySize { get; init; } = ProtocolDefaults.KeySize;
    public KeyHash KeyHash { get; init; } = ProtocolDefaults.KeyHash;
    public int Iterations { get; init; } = ProtocolDefaults.Iterations;
    public bool EncryptFirstPacket { get; init; }

    /// <summary>The password that a client must know; null for none.</summary>
    public SecretBuffer? Password { get; init; }

    /// <summary>The user name that a client must give; null for any.</summary>
    public string? UserName { get; init; }

    /// <summary>Whether a client that expects a challenge gets one even without a password. A gateway leaves that to its target.</summary>
    public bool SatisfyExpectedChallenge { get; init; } = true;

    /// <summary>Whether a client has to prove its key before its hello is used, by the answer to a challenge. Arguments: the request, and whether a key holder made the hello. The answer itself is not checked.</summary>
    public Func<string?, bool, bool> RequireProof { get; init; } = (_, _) => false;

    /// <summary>Why a client is refused; null accepts it. Arguments: the request, the hello, whether the key is proven, and whether a key holder made the hello. Called before the receiving key is derived.</summary>
    public Func<string?, XpraDictionary, bool, bool, string?> Refuse { get; init; } = (_, _, _, _) => null;

    /// <summary>Called when an acceptable hello has arrived, before keys are derived for it.</summary>
    public Action? HelloAccepted { get; init; }

    public required Limits Limits { get; init; }

    /// <summary>The client's address, by which remembered salts are limited.</summary>
    public IPAddress Source { get; init; } = IPAddress.None;

    /// <summary>The clock that the hellos of XpraAes clients are compared with.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The rest of <see cref="Limits.HandshakeTimeout"/>, for the first hello.</summary>
    public required TimeSpan HelloTimeout { get; init; }

    /// <summary>Limits concurrent key derivations.</summary>
    public required DerivationGate.Entrance Derivations { get; init; }
}
