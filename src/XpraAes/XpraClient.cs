namespace XpraAes;

/// <summary>A client that is attached to an xpra session, as the server describes it. Text is without control characters; what the server does not say is null.</summary>
public sealed class XpraClient
{
    /// <summary>The server's URI.</summary>
    public required string Server { get; init; }

    /// <summary>The server's number for the client, as in <c>client.0.…</c> of its information.</summary>
    public required int Number { get; init; }

    /// <summary>The user who runs the client.</summary>
    public string? UserName { get; init; }

    /// <summary>The client's machine, as the client names it.</summary>
    public string? HostName { get; init; }

    /// <summary>The address and port that the client connects from.</summary>
    public string? Address { get; init; }

    /// <summary>The client's xpra version.</summary>
    public string? Version { get; init; }

    /// <summary>The kind of client, such as <c>Python/GTK3</c> or <c>HTML5</c>.</summary>
    public string? Type { get; init; }

    /// <summary><c>AES-CBC</c>, another mode, or <c>none</c>: what the server receives from the client. Get-XpraCipherInfo -Uri has both directions.</summary>
    public required string Cipher { get; init; }

    /// <summary>The last round trip that the server measured; whole milliseconds.</summary>
    public TimeSpan? Latency { get; init; }

    /// <summary>When it attached, in local time, to the second.</summary>
    public DateTime? Since { get; init; }

    /// <summary>The client's own id, which stays the same when it attaches again.</summary>
    public string? Uuid { get; init; }

    /// <summary>For example <c>0 ada 192.0.2.7:40000</c>.</summary>
    public override string ToString() => string.Join(' ', new object?[] { Number, UserName, Address }.Where(part => part is not null));
}
