using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Net;

namespace XpraAes.PowerShell;

/// <summary>Completes and parses the names of addresses to listen on.</summary>
internal sealed class BindAddressCompleter : IArgumentCompleter
{
    private static readonly (string Name, IPAddress Address, string Meaning)[] Words =
    [
        ("Loopback", IPAddress.Loopback, "127.0.0.1: this machine only"),
        ("Any", IPAddress.Any, "0.0.0.0: every IPv4 address of this machine"),
        ("IPv6Any", IPAddress.IPv6Any, "[::]: every address of this machine, including IPv4"),
        ("IPv6Loopback", IPAddress.IPv6Loopback, "::1: this machine only"),
    ];

    /// <summary>Parses one of the names, or an address. Throws AddressUnavailable.</summary>
    public static IPAddress Parse(string text)
    {
        foreach (var (name, address, _) in Words)
        {
            if (name.Equals(text, StringComparison.OrdinalIgnoreCase))
                return address;
        }
        return IPAddress.TryParse(text, out var parsed)
            ? parsed
            : throw new XpraAesException(XpraErrorId.AddressUnavailable, $"'{text}' is not an address to listen on.", "-BindAddress takes Loopback, Any, IPv6Any or an address of this machine.") { Target = text };
    }

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
        => from word in Words
           where word.Name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase)
           select new CompletionResult(word.Name, word.Name, CompletionResultType.ParameterValue, word.Meaning);
}
