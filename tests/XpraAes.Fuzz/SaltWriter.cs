using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Handshake;
using XpraAes.Keys;

namespace XpraAes.Fuzz;

/// <summary>A process that tests kill at any moment, to check that the salts it reported as saved are still there.</summary>
public static class SaltWriter
{
    /// <summary>Salts after which the file is rewritten, much more often than in real listeners.</summary>
    private const int SaltsInFile = 40;

    /// <summary>The key of the salts.</summary>
    public static string KeyText => "a key whose salts outlive their process";

    internal static int Run(string folder)
    {
        using var key = XpraKey.FromText(KeyText);
        var salts = SaltMemory.Of(key);
        while (true)
        {
            using (salts.PersistIn(folder, NullLogger.Instance))
            {
                for (var i = 0; i < SaltsInFile; i++)
                {
                    var salt = RandomNumberGenerator.GetBytes(64);
                    salts.MarkProven(salt);
                    Console.WriteLine(salts.Tags.TraceOf(salt).ToString("x32", CultureInfo.InvariantCulture));
                }
            }
        }
    }
}
