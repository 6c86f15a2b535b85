using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using XpraAes.Keys;
using Xunit;

namespace XpraAes.Tests.Keys;

/// <summary>Searches all writable memory of the process, managed or not, for key data.</summary>
public sealed class KeyMemoryTests
{
    private const byte Mask = 0x5A;
    private const int Window = 4 * 1024 * 1024;
    private const int Length = 64;

    [Fact]
    public void A_generated_saved_read_and_disposed_key_leaves_no_copy_in_memory()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The search reads /proc/self/mem.");
        // Allocated first, so that no garbage collection happens between the use of a key and the search.
        using var window = new SecretBuffer(Window);
        using var folder = new TempFolder();
        var path = folder["key"];
        using (var key = XpraKey.Generate())
        {
            key.Save(path);
            _ = key.Fingerprint;
            Assert.True(IsInMemory(MaskedContent(path), window.Span), "The search does not find a key that is there.");
        }
        using (var key = XpraKey.FromFile(path))
        using (var clone = key.Clone())
            Assert.NotEmpty(clone.Fingerprint);

        Assert.False(IsInMemory(MaskedContent(path), window.Span));
    }

    // The middle of the key: longer than any spilled register, and masked so that the needle itself is not found.
    private static byte[] MaskedContent(string path)
    {
        Span<byte> content = stackalloc byte[Length];
        using var file = File.OpenHandle(path);
        Assert.Equal(Length, RandomAccess.Read(file, content, 0));
        var needle = new byte[Length - 16];
        for (var i = 0; i < needle.Length; i++)
            needle[i] = (byte)(content[8 + i] ^ Mask);
        CryptographicOperations.ZeroMemory(content);
        return needle;
    }

    private static bool IsInMemory(byte[] masked, Span<byte> window)
    {
        using var memory = File.OpenHandle("/proc/self/mem");
        var found = false;
        foreach (var line in File.ReadLines("/proc/self/maps").ToList())
        {
            var fields = line.Split([' ', '-'], 4);
            if (!fields[2].StartsWith("rw", StringComparison.Ordinal))
                continue;
            var end = long.Parse(fields[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            // Windows overlap by the needle's length, so that none is missed at a border.
            for (var at = long.Parse(fields[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture); at < end; at += Window - masked.Length)
                found |= Contains(memory, at, window[..(int)Math.Min(Window, end - at)], masked);
        }
        return found;
    }

    private static bool Contains(SafeFileHandle memory, long at, Span<byte> window, byte[] masked)
    {
        int read;
        try
        {
            read = RandomAccess.Read(memory, window, at);
        }
        catch (IOException)
        {
            // Unmapped after it was listed, or not readable at all, such as [vvar].
            return false;
        }
        for (var i = 0; i < read; i++)
            window[i] ^= Mask;
        return window[..read].IndexOf(masked) >= 0;
    }
}
