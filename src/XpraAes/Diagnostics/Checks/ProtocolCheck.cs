namespace XpraAes.Diagnostics.Checks;

/// <summary>Whether the peer is an xpra server, and if not, what it is.</summary>
internal sealed class ProtocolCheck(ProbeContext context)
{
    public void ReportXpra()
    {
        ConnectionCheck.ReportConnected(context.Report);
        context.Report.Add(DiagnosisFinding.XpraFound, context.Report.PeerVersion is { } version ? $"An xpra server of version {version} answers." : "An xpra server answers.");
    }

    /// <summary>Identifies a peer that does not even answer <c>version</c>. Null: it accepts connections but never answers, which is reported.</summary>
    /// <param name="encrypted">How the encrypted hello failed.</param>
    /// <param name="version">How the request <c>version</c> failed.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async Task<XpraAesException?> IdentifyAsync(XpraAesException encrypted, XpraAesException version, CancellationToken cancellationToken)
    {
        var failure = version;
        if (version.Id is XpraErrorId.HandshakeTimeout or XpraErrorId.ConnectionLost)
        {
            context.Progress("trying HTTP and TLS");
            failure = await ProtocolDetector.IdentifyAsync(context.Options.Endpoint, context.Client.FollowUpTimeout, cancellationToken).ConfigureAwait(false) ?? encrypted;
        }
        if (failure.Id == XpraErrorId.HandshakeTimeout)
        {
            ConnectionCheck.ReportConnected(context.Report);
            context.Report.Add(DiagnosisFinding.PeerSilent, "The peer accepts connections but never answers: neither xpra's request for its version, nor an HTTP request, nor a TLS client.", "Check the port. An xpra server that hangs or is still starting looks the same.");
            return null;
        }
        return failure.Id == XpraErrorId.ConnectionLost
            ? new XpraAesException(failure.Id, "The peer closes every connection without an answer.", innerException: failure)
            : failure;
    }
}
