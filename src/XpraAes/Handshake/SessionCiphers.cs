using XpraAes.Ciphers;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>From key data and parameters to the cipher of one direction. The derived key lives no longer than it takes.</summary>
internal static class SessionCiphers
{
    /// <summary>What encrypts towards the peer who announced these parameters.</summary>
    public static PacketEncryptor CreateEncryptor(XpraKey key, CipherParameters parameters)
    {
        using var derived = Derive(key, parameters);
        return PacketCipher.CreateEncryptor(parameters, derived.Span);
    }

    /// <summary>What decrypts under the parameters that we announced.</summary>
    public static PacketDecryptor CreateDecryptor(XpraKey key, CipherParameters parameters)
    {
        using var derived = Derive(key, parameters);
        return PacketCipher.CreateDecryptor(parameters, derived.Span);
    }

    /// <summary>The bare mode without packets and padding.</summary>
    public static BlockModeCipher CreateMode(XpraKey key, CipherParameters parameters, bool encrypts)
    {
        using var derived = Derive(key, parameters);
        return PacketCipher.CreateMode(parameters, derived.Span, encrypts, portable: false);
    }

    private static SecretBuffer Derive(XpraKey key, CipherParameters parameters)
    {
        var derived = new SecretBuffer(parameters.KeySize);
        try
        {
            KeyStretching.Derive(key.Data, parameters, derived.Span);
            return derived;
        }
        catch
        {
            derived.Dispose();
            throw;
        }
    }
}
