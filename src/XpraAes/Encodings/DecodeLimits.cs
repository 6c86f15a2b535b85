namespace XpraAes.Encodings;

/// <summary>What a decoder accepts before it gives up: <paramref name="Depth"/> levels of lists and dictionaries inside each other, <paramref name="Items"/> values in all, containers and keys included.</summary>
public readonly record struct DecodeLimits(int Depth, int Items);
