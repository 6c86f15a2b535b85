#pragma warning disable SYSLIB1015 // Sessions are values of their events, for the audit log, but not in their texts.

using System.Net;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;

namespace XpraAes.Logging;

/// <summary>All log events, with stable ids. None contains key data, derived keys, passwords, salts, IVs or packet contents. A session that an event is about is among its values, for the audit log.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "Listening on {Endpoint}, modes {Modes}, key {KeyFingerprint}")]
    public static partial void Listening(ILogger logger, string endpoint, string modes, string keyFingerprint);

    [LoggerMessage(101, LogLevel.Information, "Listener {Endpoint} stopped")]
    public static partial void ListenerStopped(ILogger logger, string endpoint);

    [LoggerMessage(102, LogLevel.Error, "Listener {Endpoint}: cannot accept connections for now")]
    public static partial void AcceptFailed(ILogger logger, string endpoint, Exception exception);

    [LoggerMessage(103, LogLevel.Error, "{Endpoint}: an event handler failed")]
    public static partial void HandlerFailed(ILogger logger, string endpoint, Exception exception);

    [LoggerMessage(104, LogLevel.Error, "Listener {Endpoint}: the process is running out of file descriptors; new clients are rejected")]
    public static partial void DescriptorsLow(ILogger logger, string endpoint);

    [LoggerMessage(110, LogLevel.Debug, "{Peer}: connected")]
    public static partial void PeerConnected(ILogger logger, string peer);

    [LoggerMessage(111, LogLevel.Information, "{Peer}: refused, {Cause}: {Reason}")]
    public static partial void PeerRefused(ILogger logger, string peer, XpraErrorId cause, string reason);

    [LoggerMessage(112, LogLevel.Information, "{Peer}: request '{Request}' answered")]
    public static partial void RequestAnswered(ILogger logger, string peer, string request);

    [LoggerMessage(113, LogLevel.Information, "{Peer}: session open, xpra {Version}, {Cipher}")]
    public static partial void SessionOpened(ILogger logger, string peer, string version, string cipher, object session);

    [LoggerMessage(114, LogLevel.Information, "{Peer}: session closed: {Reason}")]
    public static partial void SessionClosed(ILogger logger, string peer, string reason, object session);

    [LoggerMessage(115, LogLevel.Error, "{Peer}: unexpected failure")]
    public static partial void SessionFailed(ILogger logger, string peer, Exception exception);

    [LoggerMessage(117, LogLevel.Warning, "{Source}: blocked for {Time} after {Failures} failures")]
    public static partial void SourceBlocked(ILogger logger, IPAddress source, int failures, TimeSpan time);

    [LoggerMessage(118, LogLevel.Warning, "{Source}: a client was rejected: too many connections from there have not proven the key; not logged again for {Time}")]
    public static partial void SourceCrowded(ILogger logger, SourceKey source, TimeSpan time);

    [LoggerMessage(119, LogLevel.Error, "{Path}: salts cannot be saved there at the moment, so they could be reused after a restart")]
    public static partial void SaltsNotKept(ILogger logger, string path, Exception exception);

    [LoggerMessage(120, LogLevel.Debug, "{Endpoint}: connecting")]
    public static partial void Connecting(ILogger logger, string endpoint);

    [LoggerMessage(121, LogLevel.Information, "{Endpoint}: failed, {Cause}: {Reason}")]
    public static partial void ConnectFailed(ILogger logger, string endpoint, XpraErrorId cause, string reason);

    [LoggerMessage(122, LogLevel.Debug, "{Endpoint}: probe, {Step}")]
    public static partial void Probing(ILogger logger, string endpoint, string step);

    [LoggerMessage(123, LogLevel.Warning, "{Peer}: the server stretches the key with {Iterations} iterations instead of the {Asked} requested: its version uses no more by default")]
    public static partial void FewerIterations(ILogger logger, string peer, int iterations, int asked);

    [LoggerMessage(124, LogLevel.Information, "{Source}: {Count} more connections within a minute, not logged individually: {Outcomes}")]
    public static partial void ConnectionsLeftOut(ILogger logger, string source, int count, string outcomes);

    [LoggerMessage(125, LogLevel.Information, "{Path}: the renewed certificate of {Subject} is in use, valid until {NotAfter:yyyy-MM-dd}, SHA-256 {Fingerprint}")]
    public static partial void CertificateRenewed(ILogger logger, string path, string subject, DateTimeOffset notAfter, string fingerprint);

    [LoggerMessage(126, LogLevel.Warning, "{Path}: the file has changed, but cannot be used, so the certificate stays as it is: {Reason}")]
    public static partial void CertificateNotRenewed(ILogger logger, string path, string reason);

    [LoggerMessage(127, LogLevel.Warning, "The certificate of {Subject} expires on {NotAfter:yyyy-MM-dd}")]
    public static partial void CertificateExpires(ILogger logger, string subject, DateTimeOffset notAfter);

    [LoggerMessage(128, LogLevel.Warning, "{Problem}")]
    public static partial void CertificateProblem(ILogger logger, string problem);

    [LoggerMessage(129, LogLevel.Debug, "This system refuses {Options} on a socket: a peer that vanishes may be noticed later")]
    public static partial void SocketOptionsRefused(ILogger logger, string options);

    [LoggerMessage(130, LogLevel.Information, "Listening on {Endpoint}: the socket '{Name}' from systemd")]
    public static partial void SocketPassed(ILogger logger, string endpoint, string name);

    [LoggerMessage(131, LogLevel.Information, "Listener {Endpoint} accepts no more clients; {Sessions} sessions have {Time} to end")]
    public static partial void Draining(ILogger logger, string endpoint, int sessions, TimeSpan time);

    [LoggerMessage(132, LogLevel.Error, "{Path}: events cannot be written there at the moment; those that are lost are counted")]
    public static partial void AuditIncomplete(ILogger logger, string path);

    [LoggerMessage(133, LogLevel.Information, "Listener {Endpoint} drains, with {Sessions} sessions: it says that it is not ready, and accepts clients for {Time} more")]
    public static partial void DrainAnnounced(ILogger logger, string endpoint, int sessions, TimeSpan time);

    [LoggerMessage(140, LogLevel.Information, "{Peer}: routed by '{Route}' to {Target}")]
    public static partial void SessionRouted(ILogger logger, string peer, string route, string target);

    [LoggerMessage(141, LogLevel.Warning, "{Target}: cannot be connected to, {Cause}: {Reason}")]
    public static partial void TargetUnavailable(ILogger logger, string target, XpraErrorId cause, string reason);

    [LoggerMessage(142, LogLevel.Information, "{Target}: can be connected to again")]
    public static partial void TargetAvailable(ILogger logger, string target);

    [LoggerMessage(145, LogLevel.Information, "{Path}: applied to new connections")]
    public static partial void ConfigurationApplied(ILogger logger, string path);

    [LoggerMessage(146, LogLevel.Error, "{Path}: not applied, {Cause}: {Reason}")]
    public static partial void ConfigurationRefused(ILogger logger, string path, XpraErrorId cause, string reason);

    [LoggerMessage(147, LogLevel.Warning, "{Path}: {Warning}")]
    public static partial void ConfigurationWarning(ILogger logger, string path, string warning);

    [LoggerMessage(150, LogLevel.Information, "Health and metrics are served on {Address}")]
    public static partial void ManagementListening(ILogger logger, string address);

    [LoggerMessage(151, LogLevel.Information, "Metrics are sent by OTLP, as the OTEL_ variables say")]
    public static partial void MetricsExported(ILogger logger);

    [LoggerMessage(152, LogLevel.Warning, "{Address}: a request for health or metrics failed")]
    public static partial void ManagementFailed(ILogger logger, string address, Exception e);

    [LoggerMessage(153, LogLevel.Warning, "No target of {Endpoint} answers: /readyz says so")]
    public static partial void TargetsLost(ILogger logger, string endpoint);

    [LoggerMessage(154, LogLevel.Information, "A target of {Endpoint} answers again")]
    public static partial void TargetsBack(ILogger logger, string endpoint);

    [LoggerMessage(200, LogLevel.Debug, "{Peer}: announced AES-{Mode}, {KeySize} bits, {KeyHash}, {Iterations} iterations, {Padding}, stream {Stream}")]
    public static partial void AnnouncedCipher(ILogger logger, string peer, string mode, int keySize, string keyHash, int iterations, string padding, bool stream);

    [LoggerMessage(201, LogLevel.Debug, "{Peer}: asks for AES-{Mode}, {KeySize} bits, {KeyHash}, {Iterations} iterations, {Padding}, stream {Stream}")]
    public static partial void AcceptedCipher(ILogger logger, string peer, string mode, int keySize, string keyHash, int iterations, string padding, bool stream);

    [LoggerMessage(202, LogLevel.Debug, "{Peer}: challenge received, digest {Digest}, salt digest {SaltDigest}")]
    public static partial void ChallengeReceived(ILogger logger, string peer, string digest, string saltDigest);

    [LoggerMessage(203, LogLevel.Debug, "{Peer}: key proven: a packet was decrypted")]
    public static partial void KeyProven(ILogger logger, string peer, object? session);

    [LoggerMessage(204, LogLevel.Debug, "{Peer}: the server did not accept the first packet ({Cause}); trying again in {Encoding}")]
    public static partial void TryingAgain(ILogger logger, string peer, XpraErrorId cause, string encoding);

    [LoggerMessage(205, LogLevel.Debug, "{Peer}: challenge sent, digest {Digest}, salt digest {SaltDigest}")]
    public static partial void ChallengeSent(ILogger logger, string peer, string digest, string saltDigest);

    [LoggerMessage(206, LogLevel.Debug, "{Peer}: response to the challenge is {Verdict}")]
    public static partial void ResponseChecked(ILogger logger, string peer, string verdict);

    [LoggerMessage(207, LogLevel.Debug, "{Peer}: first packet encrypted in AES-{Mode}, {Iterations} iterations, {Padding}")]
    public static partial void FirstPacketEncrypted(ILogger logger, string peer, string mode, int iterations, string padding);

    [LoggerMessage(208, LogLevel.Debug, "{Peer}: chose key {KeyFingerprint}, which decrypts its packet")]
    public static partial void KeyChosen(ILogger logger, string peer, string keyFingerprint);

    [LoggerMessage(EventId = 210, Message = "{Peer}: sent {Type}, {Size} bytes in {Encoding}, {Cipher}")]
    public static partial void PacketSent(ILogger logger, LogLevel level, string peer, string type, int size, string encoding, string cipher);

    [LoggerMessage(EventId = 211, Message = "{Peer}: received {Type}, {Size} bytes in {Encoding}, compression {Compression}, {Cipher}")]
    public static partial void PacketReceived(ILogger logger, LogLevel level, string peer, string type, int size, string encoding, string compression, string cipher);
}
