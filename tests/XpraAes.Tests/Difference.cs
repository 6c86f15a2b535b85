namespace XpraAes.Tests;

/// <summary>Compares lists of lines, ignoring their order, and shows extra and missing ones.</summary>
internal static class Difference
{
    /// <summary>Fails with the lines that only one side has, and with advice.</summary>
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
