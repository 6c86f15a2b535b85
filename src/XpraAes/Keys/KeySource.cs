namespace XpraAes.Keys;

/// <summary>Where key data came from.</summary>
public enum KeySource
{
    /// <summary>Generated here, with the system's random number generator.</summary>
    Generated,
    /// <summary>A key file.</summary>
    KeyFile,
    /// <summary>Text given as key data.</summary>
    KeyData,
    /// <summary>A <c>keydata=</c> option, in a URI or in bind options.</summary>
    Uri,
    /// <summary>The environment variable XPRA_ENCRYPTION_KEY.</summary>
    Environment,
    /// <summary>A password used as key data too, as on xpra's servers (PROTOCOL section 5).</summary>
    Password,
    /// <summary>Bytes from the caller's own secret store.</summary>
    Secret,
}
