using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>What a gateway needs to know about the listener whose clients it connects to a target.</summary>
internal sealed record GatewayOptions
{
    /// <summary>Where sessions go.</summary>
    public required TargetOptions Target { get; init; }

    /// <summary>What a target that wants a PROXY header is told about the client.</summary>
    public ProxyHeader Client { get; init; } = new(null, null);

    /// <summary>Requests that are forwarded before the client has proven that it holds the key.</summary>
    public IReadOnlyCollection<string> AllowRequests { get; init; } = [];

    /// <summary>Whether only this user can connect, through a Unix socket or a named pipe.</summary>
    public bool ClientsAreLocal { get; init; }

    /// <summary>Whether the listener asks for a password of its own; the client's answer is then not forwarded.</summary>
    public bool AsksForPassword { get; init; }

    /// <summary>Whether the target's packets are sent to a client before it has proven that it holds the key.</summary>
    public bool AllowSilentClients { get; init; }

    /// <summary>The limits of both legs.</summary>
    public Limits Limits { get; init; } = Limits.Default;
}
