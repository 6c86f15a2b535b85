using System.Security.Cryptography;
using XpraAes.Ciphers;
using XpraAes.Gateway;
using XpraAes.Handshake;
using XpraAes.Listening;

namespace XpraAes.Diagnostics.Checks;

/// <summary>
/// Whether a server with AES on acts for clients that have not proven the key. Two connections show it, which open no session and change
/// nothing: a first hello does not depend on the key, so what the server does for the probe it does for anyone.
/// </summary>
internal sealed class EnforcementCheck(ProbeContext context)
{
    /// <summary>The server has just answered; one that refuses silently, as from 6.4 on, is not worth a longer wait; arbitrary.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(2);

    private static readonly string[] s_ourRefusals = [Responder.NotServed, RequestPolicy.NotForwarded, Refusals.ForUnproven];

    /// <summary>Asks for the names of its commands, and then for its information under the salt of its first answer, in a keystream mode.</summary>
    /// <param name="first">Its answer to <c>info</c>, encrypted as requested.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async Task RunAsync(ProbeAnswer first, CancellationToken cancellationToken)
    {
        context.Progress("asking as a client without the key");
        var cipher = context.Client.CipherOptions;
        var command = await context.Client.AskAsync("command", cipher with { Salt = RandomNumberGenerator.GetBytes(ProtocolDefaults.SaltSize) }, s_timeout, cancellationToken, "help").ConfigureAwait(false);
        var mode = cipher.Mode == AesMode.CBC ? AesMode.CTR : cipher.Mode;
        // A listener of this module refuses a reused salt, and would count the attempt against this address.
        var again = first.Reply?.Found is { } used && !IsRefusedByOurListener(command)
            ? await context.Client.AskAsync("info", cipher with { Salt = used.Salt.ToArray(), Mode = mode }, s_timeout, cancellationToken).ConfigureAwait(false)
            : null;

        var acts = ActsOn(command, first);
        if (acts)
        {
            context.Report.Add(DiagnosisFinding.ActsForStrangers,
                "The server acts on requests before the client has proven that it holds the key: anyone who can reach its port can stop it or start programs, without the key.",
                "Require a password on that socket (auth=); or bind the server only to a Unix socket, and put a gateway in front of it: Start-XpraAesListener -Target.");
        }
        var encryptsAgain = again?.Reply is { Found: { } found } && found.Mode != AesMode.CBC;
        if (encryptsAgain)
        {
            context.Report.Add(DiagnosisFinding.EncryptsUnderAnySalt,
                $"The server encrypts in AES-{mode} under a salt that was used before: anyone who can reach its port can read recorded sessions, and impersonate a client that holds the key.",
                "Start it with encryption=AES-CBC, so that clients cannot ask for another mode; or bind it only to a Unix socket, behind a gateway: Start-XpraAesListener -Target; or use TLS.");
        }
        if (!acts && !encryptsAgain)
            context.Report.Add(DiagnosisFinding.StrangersKeptOut, "The server does nothing for clients that have not proven the key, as far as can be seen from outside.");
    }

    /// <summary>If commands are off, an answered <c>info</c> shows it too, except for a listener of this module, which answers nothing beyond that.</summary>
    private static bool ActsOn(ProbeAnswer command, ProbeAnswer first)
    {
        // A server with commands off answers with a hello without this key.
        if (command.Hello?.PeerHello.ContainsKey("command_response") == true)
            return true;
        return first.Hello is { IsAuthenticated: false } info
            && info.PeerHello.GetString("session-type") != Responder.SessionType
            && !IsRefusedByOurListener(command);
    }

    private static bool IsRefusedByOurListener(ProbeAnswer answer)
        => s_ourRefusals.Any(words => answer.Failure?.Message.Contains(words, StringComparison.Ordinal) == true);
}
