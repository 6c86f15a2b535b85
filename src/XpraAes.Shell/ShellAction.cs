namespace XpraAes.Shell;

/// <summary>What the command line asks for.</summary>
internal enum ShellAction
{
    Prompt,
    File,
    Command,
    Version,
    Help,
}
