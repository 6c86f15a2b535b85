namespace XpraAes.Keys;

/// <summary>Where key data came from.</summary>
public enum KeySource
{
    /// <summary>Made here, from the platform's random source.</summary>
    Generated,
    /// <summary>A key file.</summary>
    KeyFile,
    /// <summary>Text given as key data.</summary>
    KeyData,
    /// <summary>A <c>keydata=</c> option, in a URI or in bind options.</summary>
    Uri,
    /// <summary>The environment variable XPRA_ENCRYPTION_KEY.</summary>
    Environment,
    /// <summary>A password that serves as key data too, as on xpra's servers (PROTOCOL section 5).</summary>
    Password,
    /// <summary>Bytes from a caller's own store of secrets.</summary>
    Secret,
}
