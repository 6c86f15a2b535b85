namespace XpraAes.Gateway;

/// <summary>
/// Finds the route of a session. An exact name comes before patterns, and a longer pattern before a shorter one; of two with the same
/// session's name, the key's comes first, then the user's, the bind's and everyone's. Lookup takes the same time for any number of routes:
/// one probe for each owner and each length that patterns have.
/// </summary>
internal sealed class RouteTable
{
    private readonly Dictionary<RouteName, Route> _routes;
    private readonly int[] _lengths; // of the patterns, longest first
    private readonly RouteOwner[] _owners; // that occur, closest first

    /// <summary>Throws InvalidOption for a name that is not one, a name that occurs twice, and a route without a target.</summary>
    public RouteTable(IReadOnlyList<RouteOptions> routes)
    {
        _routes = new Dictionary<RouteName, Route>(routes.Count);
        foreach (var route in routes)
        {
            var name = RouteName.Parse(route.Name);
            if (route.Targets.Count == 0)
                throw new XpraAesException(XpraErrorId.InvalidOption, $"The route '{name}' has no target.", "Give at least one.") { Target = $"{name}" };
            if (!_routes.TryAdd(name, new Route(name.ToString(), route.Targets)))
                throw new XpraAesException(XpraErrorId.InvalidOption, $"There are two routes '{name}'.", "Leave one of them out, or give one route both targets.") { Target = $"{name}" };
        }
        _lengths = [.. _routes.Keys.Where(name => name.IsPattern).Select(name => name.Session.Length).Distinct().OrderDescending()];
        _owners = [.. _routes.Keys.Select(name => name.Kind).Distinct().OrderDescending()];
        DependsOnHello = _routes.Keys.Any(name => name.DependsOnHello);
    }

    /// <summary>Whether any route depends on what only the client's hello says, so that the client has to prove its key before a route is looked up.</summary>
    public bool DependsOnHello { get; }

    /// <summary>The addresses that routes name with <c>bind:</c>.</summary>
    public IEnumerable<string> Binds => _routes.Keys.Where(name => name.Kind == RouteOwner.Bind).Select(name => name.Owner).Distinct();

    /// <summary>The route of a session; null where there is none.</summary>
    public Route? Find(RouteRequest request)
    {
        foreach (var owner in _owners)
        {
            if (request.Owner(owner) is { } value && _routes.TryGetValue(new RouteName(owner, value, request.Session, IsPattern: false), out var exact))
                return exact;
        }
        foreach (var length in _lengths)
        {
            if (length > request.Session.Length)
                continue;
            var start = request.Session[..length];
            foreach (var owner in _owners)
            {
                if (request.Owner(owner) is { } value && _routes.TryGetValue(new RouteName(owner, value, start, IsPattern: true), out var pattern))
                    return pattern;
            }
        }
        return null;
    }
}
