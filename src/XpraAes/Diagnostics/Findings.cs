using XpraAes.Handshake;

namespace XpraAes.Diagnostics;

/// <summary>The check and result of each finding, and the finding for each failure.</summary>
internal static class Findings
{
    /// <summary>The check and result of a finding.</summary>
    public static (DiagnosisCheck Check, DiagnosisResult Result) Of(DiagnosisFinding finding) => finding switch
    {
        DiagnosisFinding.Connected => (DiagnosisCheck.Connection, DiagnosisResult.Passed),
        DiagnosisFinding.ConnectionRefused or DiagnosisFinding.HostUnreachable or DiagnosisFinding.ConnectTimeout => (DiagnosisCheck.Connection, DiagnosisResult.Failed),

        DiagnosisFinding.CertificateTrusted => (DiagnosisCheck.Tls, DiagnosisResult.Passed),
        DiagnosisFinding.CertificateExpiresSoon or DiagnosisFinding.CertificateNotVerified => (DiagnosisCheck.Tls, DiagnosisResult.Warning),
        DiagnosisFinding.TlsNotOffered or DiagnosisFinding.TlsTooOld or DiagnosisFinding.TlsFailed or DiagnosisFinding.CertificateUntrusted or DiagnosisFinding.CertificateNameMismatch
            or DiagnosisFinding.CertificateExpired or DiagnosisFinding.CertificateUnusable => (DiagnosisCheck.Tls, DiagnosisResult.Failed),

        DiagnosisFinding.XpraFound => (DiagnosisCheck.Protocol, DiagnosisResult.Passed),
        DiagnosisFinding.PeerIsHttp or DiagnosisFinding.PeerIsTls or DiagnosisFinding.PeerIsSsh or DiagnosisFinding.PeerIsRfb or DiagnosisFinding.NotXpra
            or DiagnosisFinding.PeerSilent or DiagnosisFinding.ConnectionLost or DiagnosisFinding.VersionRejected or DiagnosisFinding.Refused
            or DiagnosisFinding.UnreadableAnswer => (DiagnosisCheck.Protocol, DiagnosisResult.Failed),

        DiagnosisFinding.Encrypted => (DiagnosisCheck.Encryption, DiagnosisResult.Passed),
        DiagnosisFinding.NotEncrypted or DiagnosisFinding.FirstPacketDisagrees or DiagnosisFinding.HandshakeTimeout
            or DiagnosisFinding.HelloExpired or DiagnosisFinding.SaltReused or DiagnosisFinding.HelloAltered => (DiagnosisCheck.Encryption, DiagnosisResult.Failed),

        DiagnosisFinding.ModeAccepted => (DiagnosisCheck.Mode, DiagnosisResult.Passed),
        DiagnosisFinding.ModeRejected or DiagnosisFinding.ModeUnsupported or DiagnosisFinding.ModeIgnored
            or DiagnosisFinding.StreamIgnored => (DiagnosisCheck.Mode, DiagnosisResult.Failed),

        DiagnosisFinding.IterationsAccepted => (DiagnosisCheck.Iterations, DiagnosisResult.Passed),
        DiagnosisFinding.IterationsRejected => (DiagnosisCheck.Iterations, DiagnosisResult.Failed),

        DiagnosisFinding.NoPadding or DiagnosisFinding.PaddingAdapts => (DiagnosisCheck.Padding, DiagnosisResult.Passed),
        DiagnosisFinding.PaddingUnit16 or DiagnosisFinding.PaddingUnit32 => (DiagnosisCheck.Padding, DiagnosisResult.Warning),
        DiagnosisFinding.PaddingRejected or DiagnosisFinding.PaddingDisagrees => (DiagnosisCheck.Padding, DiagnosisResult.Failed),

        DiagnosisFinding.KeyRight => (DiagnosisCheck.Key, DiagnosisResult.Passed),
        DiagnosisFinding.KeyMismatch or DiagnosisFinding.KeyFormDiffers or DiagnosisFinding.KeySizeIgnored => (DiagnosisCheck.Key, DiagnosisResult.Failed),

        DiagnosisFinding.NoAuthentication or DiagnosisFinding.Authenticated => (DiagnosisCheck.Authentication, DiagnosisResult.Passed),
        DiagnosisFinding.AuthenticationRequired or DiagnosisFinding.AuthenticationFailed or DiagnosisFinding.UserNameRefused
            or DiagnosisFinding.AuthenticationUnsupported => (DiagnosisCheck.Authentication, DiagnosisResult.Failed),

        DiagnosisFinding.StrangersKeptOut => (DiagnosisCheck.Enforcement, DiagnosisResult.Passed),
        DiagnosisFinding.ActsForStrangers or DiagnosisFinding.EncryptsUnderAnySalt => (DiagnosisCheck.Enforcement, DiagnosisResult.Warning),

        _ => throw new ArgumentOutOfRangeException(nameof(finding), finding, "It does not belong to a single check."),
    };

    /// <summary>The finding for a connection failure.</summary>
    public static DiagnosisFinding Of(XpraAesException failure) => failure.Id switch
    {
        XpraErrorId.ConnectionRefused => DiagnosisFinding.ConnectionRefused,
        XpraErrorId.HostUnreachable or XpraErrorId.AccessDenied => DiagnosisFinding.HostUnreachable,
        XpraErrorId.ConnectTimeout => DiagnosisFinding.ConnectTimeout,
        XpraErrorId.ConnectionLost => DiagnosisFinding.ConnectionLost,
        XpraErrorId.HandshakeTimeout => DiagnosisFinding.HandshakeTimeout,
        XpraErrorId.PeerIsHttp => DiagnosisFinding.PeerIsHttp,
        XpraErrorId.PeerIsTls => DiagnosisFinding.PeerIsTls,
        XpraErrorId.PeerIsSsh => DiagnosisFinding.PeerIsSsh,
        XpraErrorId.PeerIsRfb => DiagnosisFinding.PeerIsRfb,
        XpraErrorId.NotXpra => DiagnosisFinding.NotXpra,
        XpraErrorId.PeerSentText when Refusals.IsAboutFirstPacket(failure.Message) => DiagnosisFinding.FirstPacketDisagrees,
        XpraErrorId.PeerSentText when Refusals.IsXpraText(failure.Message) => DiagnosisFinding.Refused,
        XpraErrorId.PeerSentText => DiagnosisFinding.NotXpra,
        XpraErrorId.TlsNotOffered => DiagnosisFinding.TlsNotOffered,
        XpraErrorId.TlsTooOld => DiagnosisFinding.TlsTooOld,
        XpraErrorId.TlsFailed => DiagnosisFinding.TlsFailed,
        XpraErrorId.CertificateUntrusted => DiagnosisFinding.CertificateUntrusted,
        XpraErrorId.CertificateNameMismatch => DiagnosisFinding.CertificateNameMismatch,
        XpraErrorId.CertificateExpired => DiagnosisFinding.CertificateExpired,
        XpraErrorId.CertificateUnusable => DiagnosisFinding.CertificateUnusable,
        XpraErrorId.KeyMismatch => DiagnosisFinding.KeyMismatch,
        XpraErrorId.ModeRejected => Refusals.IsAboutUnknownMode(failure.Message) ? DiagnosisFinding.ModeUnsupported : DiagnosisFinding.ModeRejected,
        XpraErrorId.IterationsRejected => DiagnosisFinding.IterationsRejected,
        XpraErrorId.SaltReused => DiagnosisFinding.SaltReused,
        XpraErrorId.HelloAltered => DiagnosisFinding.HelloAltered,
        XpraErrorId.PaddingRejected => DiagnosisFinding.PaddingRejected,
        XpraErrorId.CipherCapabilitiesMissing or XpraErrorId.PlaintextPacket => DiagnosisFinding.NotEncrypted,
        XpraErrorId.AuthenticationRequired => DiagnosisFinding.AuthenticationRequired,
        XpraErrorId.AuthenticationFailed => Refusals.IsAboutUserName(failure.Message) ? DiagnosisFinding.UserNameRefused : DiagnosisFinding.AuthenticationFailed,
        XpraErrorId.AuthenticationUnsupported => DiagnosisFinding.AuthenticationUnsupported,
        XpraErrorId.VersionRejected => DiagnosisFinding.VersionRejected,
        XpraErrorId.PeerDisconnected => DiagnosisFinding.Refused,
        _ => DiagnosisFinding.UnreadableAnswer,
    };

    /// <summary>The recommended action if the failure itself has none.</summary>
    public static string? AdviceFor(DiagnosisFinding finding) => finding switch
    {
        DiagnosisFinding.ConnectionLost => "Check the port. If it is xpra's, see the server's log: it may be full, or refuse this address.",
        DiagnosisFinding.VersionRejected => "Update the older of the two sides.",
        DiagnosisFinding.Refused => "See the server's log for the reason.",
        DiagnosisFinding.UnreadableAnswer => "If it is an xpra server, start it with --compressors=lz4 and without --packet-encoders; else check the port.",
        _ => null,
    };
}
