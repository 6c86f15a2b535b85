using XpraAes.Shell;

// Before anything of the engine runs: it tells its maker about its use, after half a minute, unless it is told not to.
const string OptOut = "POWERSHELL_TELEMETRY_OPTOUT";
Environment.SetEnvironmentVariable(OptOut, Environment.GetEnvironmentVariable(OptOut) ?? "1");

ShellOptions? options = ShellOptions.Parse(args, out string? problem);
if (options is null)
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(ShellOptions.Usage);
    return ExitCodes.Usage;
}

switch (options.Action)
{
    case ShellAction.Help:
        Console.WriteLine(ShellOptions.Usage);
        return ExitCodes.Success;
    case ShellAction.Version:
        Console.WriteLine(Session.Version);
        return ExitCodes.Success;
}

using Session session = new();
return options.Action switch
{
    ShellAction.File => session.RunFile(options.Text, options.Arguments),
    ShellAction.Command => session.RunCommand(options.Text),
    _ when Console.IsInputRedirected => session.RunCommand(Console.In.ReadToEnd()),
    _ => session.Prompt(),
};
