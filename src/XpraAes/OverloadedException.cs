namespace XpraAes;

/// <summary>A client was rejected or evicted through no fault of its own: the limit on clients that have not proven the key was reached.</summary>
internal sealed class OverloadedException(string message) : XpraAesException(XpraErrorId.LimitReached, message);
