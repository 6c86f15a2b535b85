using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;

namespace XpraAes.Diagnostics;

/// <summary>Every log event, with stable ids. None carries key data, derived keys, passwords, salts of live sessions or packet contents.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "Listening on {Endpoint}, modes {Modes}, key {KeyFingerprint}")]
    public static partial void Listening(ILogger logger, string endpoint, string modes, string keyFingerprint);

    [LoggerMessage(101, LogLevel.Information, "Listener {Endpoint} stopped")]
    public static partial void ListenerStopped(ILogger logger, string endpoint);

    [LoggerMessage(102, LogLevel.Error, "Listener {Endpoint}: cannot accept connections for now")]
    public static partial void AcceptFailed(ILogger logger, string endpoint, Exception exception);

    [LoggerMessage(103, LogLevel.Error, "Listener {Endpoint}: a handler of its events failed")]
    public static partial void HandlerFailed(ILogger logger, string endpoint, Exception exception);

    [LoggerMessage(110, LogLevel.Debug, "{Peer}: connected")]
    public static partial void PeerConnected(ILogger logger, string peer);

    [LoggerMessage(111, LogLevel.Information, "{Peer}: refused, {Cause}: {Reason}")]
    public static partial void PeerRefused(ILogger logger, string peer, XpraErrorId cause, string reason);

    [LoggerMessage(112, LogLevel.Information, "{Peer}: request '{Request}' answered")]
    public static partial void RequestAnswered(ILogger logger, string peer, string request);

    [LoggerMessage(116, LogLevel.Information, "{Peer}: request '{Request}' not served")]
    public static partial void RequestRefused(ILogger logger, string peer, string request);

    [LoggerMessage(113, LogLevel.Information, "{Peer}: session open, xpra {Version}, AES-{Mode}")]
    public static partial void SessionOpened(ILogger logger, string peer, string version, AesMode? mode);

    [LoggerMessage(114, LogLevel.Information, "{Peer}: session closed: {Reason}")]
    public static partial void SessionClosed(ILogger logger, string peer, string reason);

    [LoggerMessage(115, LogLevel.Error, "{Peer}: unexpected failure")]
    public static partial void SessionFailed(ILogger logger, string peer, Exception exception);

    [LoggerMessage(200, LogLevel.Debug, "Announced: AES-{Mode}, {KeySize} bits, {KeyHash}, {Iterations} iterations, stream {Stream}")]
    public static partial void AnnouncedCipher(ILogger logger, AesMode mode, int keySize, KeyHash keyHash, int iterations, bool stream);

    [LoggerMessage(201, LogLevel.Debug, "Peer's cipher: AES-{Mode}, {KeySize} bits, {KeyHash}, {Iterations} iterations, stream {Stream}, padding unit {PaddingUnit}")]
    public static partial void AcceptedCipher(ILogger logger, AesMode mode, int keySize, KeyHash keyHash, int iterations, bool stream, int paddingUnit);

    [LoggerMessage(202, LogLevel.Debug, "Challenge received: digest {Digest}, salt digest {SaltDigest}")]
    public static partial void ChallengeReceived(ILogger logger, string digest, string saltDigest);

    [LoggerMessage(203, LogLevel.Debug, "{Peer}: key proven, a packet has decrypted")]
    public static partial void KeyProven(ILogger logger, string peer);

    [LoggerMessage(204, LogLevel.Debug, "The server did not take the first packet ({Cause}); trying again in {Encoding}")]
    public static partial void TryingAgain(ILogger logger, XpraErrorId cause, PacketEncoding encoding);
}
