namespace XpraAes.Encodings;

/// <summary>Limits of a decoder: <paramref name="Depth"/> levels of nested lists and dictionaries, <paramref name="Items"/> values in all, including containers and keys.</summary>
public readonly record struct DecodeLimits(int Depth, int Items);
