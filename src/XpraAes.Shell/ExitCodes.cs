namespace XpraAes.Shell;

/// <summary>What the process ends with, where the script itself says nothing.</summary>
internal static class ExitCodes
{
    public const int Success = 0;

    /// <summary>A terminating error that nobody caught.</summary>
    public const int Failed = 1;

    /// <summary>EX_USAGE of sysexits.h, as pwsh has it.</summary>
    public const int Usage = 64;

    /// <summary>128 and the number of SIGINT, as every Unix shell has it.</summary>
    public const int Interrupted = 130;
}
