using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Diagnostics.Runtime;
using XpraAes.Ciphers;
using XpraAes.Keys;
using XpraAes.Tests.Engine;
using XpraAes.Tests.Keys;

namespace XpraAes.Tests.Reliability;

/// <summary>Searches the managed heap of xpra-aes, including what is not collected yet, for secrets that should be gone.</summary>
[Trait("Category", "Reliability")]
public sealed class HeapTests
{
    private const string Password = "NobodyShallFindThisPassword-4567";

    /// <summary>How a script gets its key without containing its text.</summary>
    public static TheoryData<string> Ways =>
    [
        "-KeyFile $KeyFile",
        "-Path $KeyFile",
        "-Key $held",
        "-Key $secure",
    ];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Nothing_of_a_key_is_left_on_the_heap(string way)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The heap of another process is read as on Linux.");
        using var folder = new TempFolder();
        // 64 letters, and another key on each run.
        var text = RandomNumberGenerator.GetHexString(64, lowercase: true);
        folder.Write("key", Encoding.ASCII.GetBytes(text));
        folder.Write("password", Encoding.ASCII.GetBytes(Password));
        await File.WriteAllTextAsync(folder["script.ps1"], $$"""
            param($Manifest, $KeyFile, $PasswordFile)
            Import-Module $Manifest
            $secure = [securestring]::new()
            $file = [System.IO.FileStream]::new($KeyFile, 'Open', 'Read', 'Read', 1) # which keeps no buffer
            while (($letter = $file.ReadByte()) -ge 0) { $secure.AppendChar([char]$letter) }
            $file.Dispose()
            $held = Get-XpraAesKey -Path $KeyFile
            foreach ($mode in 'CBC', 'CTR', 'GCM', 'CFB') {
                foreach ($hash in 'SHA1', 'SHA224') {
                    $listener = Start-XpraAesListener -Port 0 {{way}} -PasswordFile $PasswordFile -Mode $mode -KeyHash $hash -WarningAction SilentlyContinue
                    $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $listener.Port {{way}} -PasswordFile $PasswordFile -Mode $mode -KeyHash $hash
                    $null = $connection.PingAsync([TimeSpan]::FromSeconds(30)).Wait(30000)
                    foreach ($row in $connection | Get-XpraCipherInfo) {
                        [Console]::WriteLine("$($row.Mode) $($row.KeyHash) $($row.Iterations) $($row.Salt)")
                    }
                    $connection | Disconnect-XpraAes
                    $listener | Stop-XpraAesListener -GracePeriod 1
                }
            }
            $secure.Dispose()
            $held.Dispose()
            [Console]::WriteLine('done')
            $null = [Console]::ReadLine()
            """);
        using var process = ShellProcess.Start(folder["script.ps1"], TestPaths.BuiltManifest, folder["key"], folder["password"]);
        try
        {
            var derived = new List<byte[]>();
            while (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(2)) is { } line && line != "done")
                derived.Add(Derive(text, line.Split(' ')));
            Assert.Equal(16, derived.Count);

            var heap = ReadHeap(process.Id);
            // What the script contains is found, so the search works.
            Assert.True(Contains(heap, Encoding.Unicode.GetBytes("Get-XpraCipherInfo")), "The search does not find a text that is there.");
            foreach (var (what, bytes) in Forms(text).Concat(Forms(Password)))
                Assert.False(Contains(heap, bytes), $"{what} is on the heap.");
            foreach (var key in derived)
                Assert.False(Contains(heap, key), "A derived key is on the heap.");
            process.StandardInput.Close();
            var (code, _, errors) = await ShellProcess.FinishAsync(process);
            Assert.Equal((0, ""), (code, errors));
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static byte[] Derive(string key, string[] fields)
    {
        var parameters = new CipherParameters
        {
            Mode = Enum.Parse<AesMode>(fields[0]),
            KeyHash = Enum.Parse<KeyHash>(fields[1]),
            Iterations = int.Parse(fields[2], CultureInfo.InvariantCulture),
            Salt = Convert.FromHexString(fields[3]),
            IV = new byte[16],
            KeySize = 32,
        };
        var derived = new byte[32];
        KeyStretching.Derive(Encoding.ASCII.GetBytes(key), parameters, derived);
        return derived;
    }

    /// <summary>A secret as bytes, as text, and as the hexadecimal digits and base64 of it.</summary>
    private static IEnumerable<(string What, byte[] Bytes)> Forms(string secret)
    {
        var bytes = Encoding.ASCII.GetBytes(secret);
        yield return ("the secret", bytes);
        yield return ("the secret's text", Encoding.Unicode.GetBytes(secret));
        yield return ("the secret in hexadecimal", Encoding.Unicode.GetBytes(Convert.ToHexString(bytes)));
        yield return ("the secret in base64", Encoding.Unicode.GetBytes(Convert.ToBase64String(bytes)));
        // Half of it is a leak too.
        yield return ("half of the secret", bytes[..(bytes.Length / 2)]);
        yield return ("half of the secret's text", Encoding.Unicode.GetBytes(secret[(secret.Length / 2)..]));
    }

    /// <summary>The bytes of every segment, the pinned one and that of large objects too, while the process waits for input.</summary>
    private static List<byte[]> ReadHeap(int processId)
    {
        using var target = DataTarget.AttachToProcess(processId, suspend: false);
        var version = target.ClrVersions.Single();
        // The library that can read this runtime's heap is next to it.
        using var runtime = version.CreateRuntime(Path.Combine(Path.GetDirectoryName(version.ModuleInfo.FileName)!, "libmscordaccore.so"), ignoreMismatch: true);
        var segments = new List<byte[]>();
        foreach (var segment in runtime.Heap.Segments)
        {
            var bytes = new byte[segment.CommittedMemory.Length];
            var read = target.DataReader.Read(segment.CommittedMemory.Start, bytes);
            segments.Add(bytes[..read]);
        }
        Assert.True(segments.Sum(segment => (long)segment.Length) > 1024 * 1024, "Too little of the heap could be read.");
        return segments;
    }

    private static bool Contains(List<byte[]> heap, byte[] wanted) => heap.Exists(segment => segment.AsSpan().IndexOf(wanted) >= 0);
}
