namespace XpraAes.Gateway;

/// <summary>One route of a gateway: which sessions go to which servers.</summary>
public sealed record RouteOptions
{
    /// <summary>
    /// The session's name, as clients write it after the slash of their URI; with <c>*</c> at its end for all names that begin so. Before it,
    /// with a slash, whose sessions: a user name, which is what the client claims; <c>key:</c> and the fingerprint of the key that the client
    /// has; or <c>bind:</c> and the address that it has connected to, as in <see cref="AesListener.Endpoints"/>. For example <c>glxgears</c>, <c>dev-*</c>, <c>ada/*</c>, <c>key:0123-4567-89ab-cdef/*</c>, <c>*</c>.
    /// </summary>
    public required string Name { get; init; }

    /// <summary>The servers, at least one, in order of preference: a session goes to the first that can be connected to.</summary>
    public required IReadOnlyList<TargetOptions> Targets { get; init; }
}
