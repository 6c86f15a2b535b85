namespace XpraAes.Gateway;

/// <summary>What a gateway needs to know of the listener whose clients it connects to a target.</summary>
internal sealed record GatewayOptions
{
    /// <summary>Where sessions go.</summary>
    public required TargetOptions Target { get; init; }

    /// <summary>Requests that are forwarded before the client has proven the key.</summary>
    public IReadOnlyCollection<string> AllowRequests { get; init; } = [];

    /// <summary>Whether clients come in over a Unix socket, whose file mode decides who they are.</summary>
    public bool ClientsAreLocal { get; init; }

    /// <summary>Whether the listener asks for a password of its own: the client's answer to that is not for the target.</summary>
    public bool AsksForPassword { get; init; }

    /// <summary>Whether the target's packets reach a client that has not proven the key yet.</summary>
    public bool AllowSilentClients { get; init; }

    /// <summary>The limits of both legs.</summary>
    public Limits Limits { get; init; } = Limits.Default;
}
