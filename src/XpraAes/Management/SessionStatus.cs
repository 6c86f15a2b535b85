using System.Text.Json;
using XpraAes.Connections;
using XpraAes.Transports;

namespace XpraAes.Management;

/// <summary>A session's state and counters, named as the properties of <see cref="XpraConnection"/>.</summary>
internal sealed record SessionStatus
{
    private const string Unencrypted = "none";

    public int Id { get; init; }

    /// <summary><c>open</c>, <c>unproven</c> before a packet of the peer has decrypted, <c>closing</c>, <c>closed</c>.</summary>
    public string State { get; init; } = "";

    /// <summary>Why it was closed; null while it is open.</summary>
    public string? CloseReason { get; init; }

    /// <summary><c>Inbound</c> or <c>Outbound</c>.</summary>
    public string Direction { get; init; } = "";

    public string Endpoint { get; init; } = "";

    public string Peer { get; init; } = "";

    /// <summary>The user that the peer says it is; null if it says none. Only a password proves it.</summary>
    public string? UserName { get; init; }

    public string? Route { get; init; }

    /// <summary>Where a gateway has forwarded it to; null if it was not forwarded.</summary>
    public string? Target { get; init; }

    /// <summary>The URI scheme of what carries it.</summary>
    public string Transport { get; init; } = "";

    /// <summary>For example <c>AES-CTR</c>; <c>none</c>, or <c>TLS 1.3</c> over tls-psk.</summary>
    public string SendCipher { get; init; } = "";

    /// <summary>The same for what this end receives.</summary>
    public string ReceiveCipher { get; init; } = "";

    /// <summary>In UTC.</summary>
    public DateTime Opened { get; init; }

    /// <summary>The last round trip in milliseconds; null if there is none.</summary>
    public double? Latency { get; init; }

    public long BytesIn { get; init; }

    public long BytesOut { get; init; }

    public long PacketsIn { get; init; }

    public long PacketsOut { get; init; }

    /// <summary>What <see cref="XpraConnection.GetCipherInfo"/> returns, as objects; null unless it was asked for.</summary>
    public IReadOnlyList<JsonElement>? Ciphers { get; init; }

    public static SessionStatus Of(XpraConnection connection, bool withCiphers = false)
    {
        var leg = connection.Legs[0];
        var traffic = connection.Traffic;
        return new SessionStatus
        {
            Id = connection.Id,
            State = connection switch
            {
                { State: not ConnectionState.Open } => connection.State.ToString().ToLowerInvariant(),
                { KeyProven: false } when leg.Receive is not null => "unproven",
                _ => "open",
            },
            CloseReason = connection.CloseReason,
            Direction = $"{connection.Direction}",
            Endpoint = connection.Endpoint,
            Peer = connection.Peer,
            UserName = connection.UserName,
            Route = connection.Route,
            Target = connection.Target?.ToString(),
            Transport = leg.Transport is { } kind ? TransportTable.Of(kind).Scheme : "",
            SendCipher = leg.Seal is not null ? CipherInfo.Sealed : leg.Send is { } send ? $"AES-{send.Mode}" : Unencrypted,
            ReceiveCipher = leg.Seal is not null ? CipherInfo.Sealed : leg.Receive is { } receive ? $"AES-{receive.Mode}" : Unencrypted,
            Opened = connection.Opened.ToUniversalTime(),
            Latency = connection.Latency?.TotalMilliseconds,
            BytesIn = traffic.BytesIn,
            BytesOut = traffic.BytesOut,
            PacketsIn = traffic.PacketsIn,
            PacketsOut = traffic.PacketsOut,
            Ciphers = withCiphers ? [.. connection.GetCipherInfo().Select(cipher => JsonSerializer.SerializeToElement(cipher, StatusJson.Default.CipherInfo))] : null,
        };
    }
}
