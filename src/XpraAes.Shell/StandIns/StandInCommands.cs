using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace XpraAes.Shell.StandIns;

/// <summary>Small forms of a few everyday commands that PowerShell has outside of its engine.</summary>
internal static class StandInCommands
{
    private static readonly Type[] Types =
    [
        typeof(GetContentCommand),
        typeof(SelectObjectCommand),
        typeof(SetContentCommand),
        typeof(StartSleepCommand),
        typeof(WriteHostCommand),
    ];

    /// <summary>Those that the state does not have from the engine.</summary>
    public static IEnumerable<SessionStateCommandEntry> MissingFrom(InitialSessionState state)
    {
        foreach (Type type in Types)
        {
            CmdletAttribute cmdlet = type.GetCustomAttribute<CmdletAttribute>()!;
            string name = $"{cmdlet.VerbName}-{cmdlet.NounName}";
            if (state.Commands[name].Count == 0)
            {
                yield return new SessionStateCmdletEntry(name, type, helpFileName: null);
            }
        }
    }
}
