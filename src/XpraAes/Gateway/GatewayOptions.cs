using XpraAes.Transports;

namespace XpraAes.Gateway;

/// <summary>What a gateway needs to know about the listener whose clients it connects to a target.</summary>
internal sealed record GatewayOptions
{
    /// <summary>Where the session goes, in order of preference; empty until its route is known.</summary>
    public IReadOnlyList<TargetOptions> Targets { get; init; } = [];

    /// <summary>Whether the client's hello decided the route: the names in it hold for its later hellos too.</summary>
    public bool IsRoutedByHello { get; init; }

    /// <summary>Which targets can be connected to.</summary>
    public required TargetHealth Health { get; init; }

    /// <summary>What a target that wants a PROXY header is told about the client.</summary>
    public ProxyHeader Client { get; init; } = new(null, null);

    /// <summary>Requests that are forwarded before the client has proven that it holds the key.</summary>
    public IReadOnlyCollection<string> AllowRequests { get; init; } = [];

    /// <summary>Whether only this user can connect, through a Unix socket or a named pipe.</summary>
    public bool ClientsAreLocal { get; init; }

    /// <summary>Whether the listener challenges clients itself; their answer is then not forwarded.</summary>
    public bool Challenges { get; init; }

    /// <summary>Whether the target's packets are sent to a client before it has proven that it holds the key.</summary>
    public bool AllowSilentClients { get; init; }

    /// <summary>The limits of both legs.</summary>
    public Limits Limits { get; init; } = Limits.Default;
}
