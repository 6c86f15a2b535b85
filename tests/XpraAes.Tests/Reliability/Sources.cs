using System.Net;

namespace XpraAes.Tests.Reliability;

/// <summary>Local addresses that are different sources to a listener: all of 127.0.0.0/8 on Linux.</summary>
internal static class Sources
{
    public static bool Exist => OperatingSystem.IsLinux();

    /// <summary>127.1.0.0 and up: a million of them.</summary>
    public static IPAddress Number(int number) => new([127, (byte)(1 + (number >> 16)), (byte)(number >> 8), (byte)number]);
}
