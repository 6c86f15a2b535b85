using XpraAes.Gateway;
using XpraAes.Transports;

namespace XpraAes;

/// <summary>A route of a gateway, and its sessions.</summary>
public sealed class ListenerRoute
{
    internal ListenerRoute(string name, IReadOnlyList<XpraEndpoint> targets, int sessions, TargetHealth health)
    {
        Name = name;
        Target = [.. targets.Select(target => target.ToString())];
        Sessions = sessions;
        Unavailable = [.. targets.Where(target => !health.IsAvailable(target)).Select(target => target.ToString())];
    }

    /// <summary>Its name, for example <c>glxgears</c>, <c>ada/*</c> or <c>*</c>.</summary>
    public string Name { get; }

    /// <summary>The servers, in order of preference, without keys.</summary>
    public string[] Target { get; }

    /// <summary>The sessions that are open now.</summary>
    public int Sessions { get; }

    /// <summary>Those of <see cref="Target"/> that could not be connected to the last time.</summary>
    public string[] Unavailable { get; }

    /// <summary>For example <c>ada/* -> tcp://host-a:14500/</c>.</summary>
    public override string ToString() => $"{Name} -> {string.Join(", ", Target)}";
}
