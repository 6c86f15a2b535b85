using System.Net;

namespace XpraAes.Transports;

/// <summary>Answers the requests of a browser for pages, on connections that may become websockets.</summary>
internal interface IWebPages
{
    /// <summary>Whether a page of this origin is one of these pages, so that it may open a websocket.</summary>
    bool IsOwnOrigin(string origin, WebVisitor visitor);

    /// <summary>Answers a request that is not for a websocket. False: the connection ends with it.</summary>
    Task<bool> AnswerAsync(HttpHead request, Stream stream, WebVisitor visitor, CancellationToken cancellationToken);
}

/// <summary>A connection on which HTTP is spoken.</summary>
/// <param name="Source">The client's address.</param>
/// <param name="IsLoopback">Whether it has not left this machine.</param>
/// <param name="IsSecure">Whether it is inside TLS with the listener's certificate.</param>
/// <param name="Extend">Sets the time that is left for the connection's next step.</param>
internal sealed record WebVisitor(IPAddress Source, bool IsLoopback, bool IsSecure, Action<TimeSpan> Extend);
