namespace XpraAes;

/// <summary>A client had to leave for no fault of its own: the places of those who have proven nothing were taken.</summary>
internal sealed class OverloadedException(string message) : XpraAesException(XpraErrorId.LimitReached, message);
