namespace XpraAes.Tests;

/// <summary>Compares lists of lines whose order does not matter, and shows what is too much and what is missing.</summary>
internal static class Difference
{
    /// <summary>Fails with the lines that only one side has, and with what to do about them.</summary>
    public static void AssertNone(IEnumerable<string> expected, IEnumerable<string> actual, string advice)
    {
        string[] wanted = [.. expected.Order(StringComparer.Ordinal)];
        string[] found = [.. actual.Order(StringComparer.Ordinal)];
        if (!wanted.SequenceEqual(found))
        {
            Assert.Fail($"{advice}\n{string.Join('\n', [.. wanted.Except(found).Select(line => "missing: " + line), .. found.Except(wanted).Select(line => "too much: " + line)])}");
        }
    }
}
