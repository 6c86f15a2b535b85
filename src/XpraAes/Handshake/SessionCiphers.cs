using System.Security.Cryptography;
using XpraAes.Ciphers;

namespace XpraAes.Handshake;

/// <summary>From key data and parameters to the cipher of one direction. The derived key lives no longer than it takes.</summary>
internal static class SessionCiphers
{
    private delegate T Factory<T>(CipherParameters parameters, ReadOnlySpan<byte> derivedKey);

    /// <summary>What encrypts towards the peer who announced these parameters.</summary>
    public static PacketEncryptor CreateEncryptor(XpraKey key, CipherParameters parameters) => Create<PacketEncryptor>(key, parameters, PacketCipher.CreateEncryptor);

    /// <summary>What decrypts under the parameters that we announced.</summary>
    public static PacketDecryptor CreateDecryptor(XpraKey key, CipherParameters parameters) => Create<PacketDecryptor>(key, parameters, PacketCipher.CreateDecryptor);

    /// <summary>The bare mode without packets and padding.</summary>
    public static BlockModeCipher CreateMode(XpraKey key, CipherParameters parameters, bool encrypts)
        => Create<BlockModeCipher>(key, parameters, (parameters, derived) => PacketCipher.CreateMode(parameters, derived, encrypts, portable: false));

    private static T Create<T>(XpraKey key, CipherParameters parameters, Factory<T> factory)
    {
        PacketCipher.CheckKeySize(parameters);
        // On the stack, where no collector copies it; its size has been checked.
        Span<byte> derived = stackalloc byte[parameters.KeySize];
        try
        {
            KeyStretching.Derive(key.Data, parameters, derived);
            return factory(parameters, derived);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(derived);
        }
    }
}
