namespace XpraAes.Gateway;

/// <summary>Where a session goes.</summary>
/// <param name="Name">The route's name, as written.</param>
/// <param name="Targets">The servers, in order of preference.</param>
internal sealed record Route(string Name, IReadOnlyList<TargetOptions> Targets);
