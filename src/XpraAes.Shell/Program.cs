using System.Management.Automation;
using System.Reflection;
using System.Text;
using Microsoft.PowerShell;

const string Usage = """
    xpra-aes is PowerShell with the XpraAes module built in. It takes the same arguments as pwsh, such as

      xpra-aes [-File] SCRIPT [ARGUMENT ...]   run a script
      xpra-aes -Command TEXT                   run the commands in TEXT
      xpra-aes                                 read commands from a prompt, or from standard input
      xpra-aes -Version | -Help

    but loads no profile: run `. $PROFILE` for that. The exit code is 0, 1 after a terminating error, 130 after Ctrl+C (except on Windows), or that of `exit`.
    """;

// Set before PowerShell starts: it sends telemetry after half a minute unless it is opted out.
const string OptOut = "POWERSHELL_TELEMETRY_OPTOUT";
Environment.SetEnvironmentVariable(OptOut, Environment.GetEnvironmentVariable(OptOut) ?? "1");

// Modules are found by name: ours first, then those that PowerShell finds anyway. It would put the user's and the machine's folders before ours, with
// an older XpraAes in them perhaps, but leaves a path alone that has them already.
const string ModulePath = "PSModulePath";
var found = ModuleIntrinsics.GetModulePath(Environment.GetEnvironmentVariable(ModulePath), null, null);
Environment.SetEnvironmentVariable(ModulePath, Path.Combine(AppContext.BaseDirectory, "Modules") + Path.PathSeparator + found);

UseUtf8();

var version = $"xpra-aes {Assembly.GetExecutingAssembly().GetName().Version!.ToString(3)}, PowerShell {PSVersionInfo.PSVersion}";
var wasInterrupted = false;
Console.CancelKeyPress += (_, _) => wasInterrupted = true;

switch (args)
{
    case ["-Version" or "-version" or "-v" or "--version"]:
        Console.WriteLine(version);
        return 0;
    case [] when Console.IsInputRedirected:
        args = ["-Command", Console.In.ReadToEnd()];
        break;
}
var exitCode = ConsoleShell.Start(version, Usage, ["-NoProfile", .. args]);
// As in every Unix shell: 128 plus the number of SIGINT. At a prompt, Ctrl+C ends a command but not the shell.
return wasInterrupted && exitCode == 1 && args.Length > 0 ? 130 : exitCode;

// Output that goes to a file or another program is in the console's encoding, which on Windows is by default an old one without even an ellipsis.
static void UseUtf8()
{
    if (!OperatingSystem.IsWindows())
        return;
    try
    {
        var (output, input) = (Console.OutputEncoding, Console.InputEncoding);
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        if (Console.IsInputRedirected)
            Console.InputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        // The console outlives this process, and belongs to the shell that started it.
        AppDomain.CurrentDomain.ProcessExit += (_, _) => (Console.OutputEncoding, Console.InputEncoding) = (output, input);
    }
    catch (IOException)
    {
        // There is no console.
    }
}
