using System.Management.Automation;
using System.Net;
using XpraAes.Ciphers;
using XpraAes.Listening;

namespace XpraAes.PowerShell.Commands;

/// <summary>Listens for xpra clients that encrypt with AES, in the background unless told to wait.</summary>
[Cmdlet(VerbsLifecycle.Start, "XpraAesListener", SupportsShouldProcess = true)]
[OutputType(typeof(AesListener))]
public sealed class StartXpraAesListenerCommand : EncryptionCommand
{
    /// <summary>The TCP port; 0 takes a free one.</summary>
    [Parameter(Position = 0)]
    [ValidateRange(IPEndPoint.MinPort, IPEndPoint.MaxPort)]
    public int Port { get; set; } = ProtocolDefaults.Port;

    /// <summary>Loopback, Any, IPv6Any, or an address of this machine's.</summary>
    [Parameter]
    [TextOnly]
    [ArgumentCompleter(typeof(BindAddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string BindAddress { get; set; } = nameof(IPAddress.Loopback);

    /// <summary>The AES modes to let in; any unless said.</summary>
    [Parameter]
    [ModeTransformation]
    [ValidateNotNullOrEmpty]
    public AesMode[] Mode { get; set; } = Enum.GetValues<AesMode>();

    /// <summary>Keeps the cmdlet in the foreground until Ctrl+C, which stops the listener.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        using var key = ResolveKey();
        WarnOfFirstPacket(Mode);
        var options = new ListenerOptions
        {
            Address = BindAddressCompleter.Parse(BindAddress),
            Port = Port,
            Modes = [.. Mode.Distinct()],
            Key = key,
            KeySize = KeySize / 8,
            KeyHash = KeyHash,
            Iterations = Iterations,
            EncryptFirstPacket = EncryptFirstPacket,
        };
        var modes = string.Join(", ", options.Modes.Select(mode => $"AES-{mode}"));
        if (!ShouldProcess(new IPEndPoint(options.Address, Port).ToString(), $"Listen for xpra clients in {modes} with the key {key.Fingerprint}"))
            return;
        var listener = AesListener.Start(options);
        if (Wait)
            Attend(listener);
        else
            WriteObject(listener);
    }

    private void Attend(AesListener listener)
    {
        try
        {
            WriteObject(listener);
            Run((_, token) => listener.Completion.WaitAsync(token));
        }
        finally
        {
            // Not waited for: Ctrl+C ends the cmdlet at once, and the listener takes leave of its clients behind it.
            _ = listener.StopAsync(Limits.Default.CloseGrace);
        }
    }
}
