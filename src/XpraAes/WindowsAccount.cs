using System.Runtime.Versioning;
using System.Security.Principal;

namespace XpraAes;

/// <summary>Whom files and pipes on Windows are trusted to: the user of this process, and SYSTEM and Administrators, who can do everything anyway. OpenSSH for Windows has the same three.</summary>
[SupportedOSPlatform("windows")]
internal static class WindowsAccount
{
    /// <summary>SYSTEM and the group Administrators.</summary>
    public static readonly SecurityIdentifier System = new(WellKnownSidType.LocalSystemSid, null), Administrators = new(WellKnownSidType.BuiltinAdministratorsSid, null);

    // It owns what Windows itself installs, and no program but Windows' installer runs as it.
    private static readonly SecurityIdentifier s_trustedInstaller = new("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464");

    // "The owner", in an access control list: whoever that is has been looked at.
    private static readonly SecurityIdentifier s_ownerRights = new("S-1-3-4");

    /// <summary>The user of this process.</summary>
    public static SecurityIdentifier User
    {
        get
        {
            using var identity = WindowsIdentity.GetCurrent();
            return identity.User!;
        }
    }

    /// <summary>What this process makes belongs to this account unless it says otherwise: the user, or for an administrator the group Administrators.</summary>
    public static SecurityIdentifier DefaultOwner
    {
        get
        {
            using var identity = WindowsIdentity.GetCurrent();
            return identity.Owner!;
        }
    }

    /// <summary>Whether an account is the user, SYSTEM, Administrators, or Windows itself.</summary>
    public static bool IsTrusted(SecurityIdentifier account) => account == User || account == System || account == Administrators || account == s_trustedInstaller || account == s_ownerRights;

    /// <summary>The account's name, or its identifier where it has none.</summary>
    public static string NameOf(SecurityIdentifier account)
    {
        try
        {
            return account.Translate(typeof(NTAccount)).Value;
        }
        catch (SystemException)
        {
            return account.Value;
        }
    }
}
