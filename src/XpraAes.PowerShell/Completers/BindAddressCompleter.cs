using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Net;

namespace XpraAes.PowerShell;

/// <summary>The words for addresses to listen on.</summary>
internal sealed class BindAddressCompleter : IArgumentCompleter
{
    private static readonly (string Name, IPAddress Address, string Meaning)[] Words =
    [
        ("Loopback", IPAddress.Loopback, "127.0.0.1: this machine only"),
        ("Any", IPAddress.Any, "0.0.0.0: every IPv4 address of this machine"),
        ("IPv6Any", IPAddress.IPv6Any, "[::]: every address of this machine, IPv4 too"),
        ("IPv6Loopback", IPAddress.IPv6Loopback, "::1: this machine only"),
    ];

    /// <summary>One of the words, or an address. Throws AddressUnavailable.</summary>
    public static IPAddress Parse(string text)
    {
        foreach (var (name, address, _) in Words)
        {
            if (name.Equals(text, StringComparison.OrdinalIgnoreCase))
                return address;
        }
        return IPAddress.TryParse(text, out var parsed)
            ? parsed
            : throw new XpraAesException(XpraErrorId.AddressUnavailable, $"'{text}' is no address to listen on.", "-BindAddress takes Loopback, Any, IPv6Any or an address of this machine's.") { Target = text };
    }

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from word in Words
           where word.Name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase)
           select new CompletionResult(word.Name, word.Name, CompletionResultType.ParameterValue, word.Meaning);
}
