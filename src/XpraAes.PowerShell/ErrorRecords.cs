using System.Management.Automation;

namespace XpraAes.PowerShell;

/// <summary>Converts an <see cref="XpraAesException"/> to an error record: error id, category, target (endpoint or file), and recommended action.</summary>
internal static class ErrorRecords
{
    public static ErrorRecord From(XpraAesException exception) =>
        new(exception, exception.Id.ToString(), CategoryOf(exception.Id), exception.Target)
        {
            ErrorDetails = new ErrorDetails(exception.Message) { RecommendedAction = exception.RecommendedAction ?? "" },
        };

    internal static ErrorCategory CategoryOf(XpraErrorId id) => id switch
    {
        XpraErrorId.ConnectionRefused or XpraErrorId.HostUnreachable or XpraErrorId.ConnectionLost
            or XpraErrorId.PeerDisconnected => ErrorCategory.ConnectionError,
        XpraErrorId.ConnectTimeout or XpraErrorId.HandshakeTimeout => ErrorCategory.OperationTimeout,
        XpraErrorId.PeerIsHttp or XpraErrorId.PeerIsTls or XpraErrorId.PeerIsSsh or XpraErrorId.PeerIsRfb
            or XpraErrorId.TlsNotOffered or XpraErrorId.NotXpra or XpraErrorId.PeerSentText or XpraErrorId.ProxyHeaderInvalid or XpraErrorId.CipherCapabilitiesMissing
            or XpraErrorId.CipherCapabilitiesInvalid or XpraErrorId.VersionRejected or XpraErrorId.NotManagement => ErrorCategory.ProtocolError,
        XpraErrorId.KeyMismatch or XpraErrorId.ModeRejected or XpraErrorId.PlaintextPacket or XpraErrorId.UnexpectedEncryption
            or XpraErrorId.IterationsRejected or XpraErrorId.PaddingRejected
            or XpraErrorId.SaltReused or XpraErrorId.TlsFailed or XpraErrorId.TlsRefused or XpraErrorId.TlsTooOld or XpraErrorId.CertificateUntrusted or XpraErrorId.CertificateNameMismatch or XpraErrorId.CertificateExpired or XpraErrorId.HelloAltered or XpraErrorId.HelloExpired
            or XpraErrorId.ForeignPipe => ErrorCategory.SecurityError,
        XpraErrorId.AuthenticationRequired or XpraErrorId.AuthenticationFailed
            or XpraErrorId.AuthenticationUnsupported => ErrorCategory.AuthenticationError,
        XpraErrorId.RequestRefused or XpraErrorId.TransportRefused or XpraErrorId.ProxyHeaderRefused or XpraErrorId.StartDisabled or XpraErrorId.AccessDenied => ErrorCategory.PermissionDenied,
        XpraErrorId.KeyFileNotFound or XpraErrorId.NotFound or XpraErrorId.SessionUnknown => ErrorCategory.ObjectNotFound,
        XpraErrorId.KeyFileUnreadable or XpraErrorId.KeyFileIsFolder or XpraErrorId.PasswordFileUnreadable or XpraErrorId.CertificateUnusable or XpraErrorId.ConfigurationUnreadable => ErrorCategory.ReadError,
        XpraErrorId.KeyFileUnwritable or XpraErrorId.LogUnwritable or XpraErrorId.StateUnusable => ErrorCategory.WriteError,
        XpraErrorId.KeyFileExists or XpraErrorId.FileExists => ErrorCategory.ResourceExists,
        XpraErrorId.FileUnwritable => ErrorCategory.WriteError,
        XpraErrorId.RequestUnsupported => ErrorCategory.NotImplemented,
        XpraErrorId.ControlFailed => ErrorCategory.InvalidResult,
        XpraErrorId.ScreenshotEmpty or XpraErrorId.SessionFileUnusable => ErrorCategory.InvalidData,
        XpraErrorId.PortInUse or XpraErrorId.StateInUse => ErrorCategory.ResourceBusy,
        XpraErrorId.AddressUnavailable => ErrorCategory.ResourceUnavailable,
        XpraErrorId.KeyMissing or XpraErrorId.KeyTextInvalid or XpraErrorId.InvalidUri or XpraErrorId.InvalidBind
            or XpraErrorId.InvalidOption or XpraErrorId.ConfigurationInvalid => ErrorCategory.InvalidArgument,
        XpraErrorId.KeyFileEmpty or XpraErrorId.MalformedPacket => ErrorCategory.InvalidData,
        XpraErrorId.UnsupportedEncoding or XpraErrorId.UnsupportedCompression => ErrorCategory.NotImplemented,
        XpraErrorId.KeyDisposed or XpraErrorId.Closed or XpraErrorId.NoTerminal => ErrorCategory.InvalidOperation,
        XpraErrorId.LimitReached => ErrorCategory.LimitsExceeded,
        _ => ErrorCategory.NotSpecified,
    };
}
