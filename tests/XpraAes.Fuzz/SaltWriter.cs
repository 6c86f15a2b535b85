using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using XpraAes.Handshake;
using XpraAes.Keys;

namespace XpraAes.Fuzz;

/// <summary>What is killed at any moment, to see what it leaves behind of the salts that it has said to have kept.</summary>
public static class SaltWriter
{
    /// <summary>Salts between two times at which the file is written anew, which real listeners seldom do.</summary>
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
