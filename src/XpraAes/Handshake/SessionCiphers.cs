using System.Security.Cryptography;
using XpraAes.Ciphers;

namespace XpraAes.Handshake;

/// <summary>Creates the cipher of one direction from key data and parameters. The derived key is zeroed right after.</summary>
internal static class SessionCiphers
{
    private delegate T Factory<T>(CipherParameters parameters, ReadOnlySpan<byte> derivedKey);

    /// <summary>The encryptor for a peer that announced these parameters.</summary>
    public static PacketEncryptor CreateEncryptor(XpraKey key, CipherParameters parameters) => Create<PacketEncryptor>(key, parameters, PacketCipher.CreateEncryptor);

    /// <summary>The decryptor for parameters that we announced.</summary>
    public static PacketDecryptor CreateDecryptor(XpraKey key, CipherParameters parameters) => Create<PacketDecryptor>(key, parameters, PacketCipher.CreateDecryptor);

    /// <summary>The bare cipher mode, without packets and padding.</summary>
    public static BlockModeCipher CreateMode(XpraKey key, CipherParameters parameters, bool encrypts)
        => Create<BlockModeCipher>(key, parameters, (parameters, derived) => PacketCipher.CreateMode(parameters, derived, encrypts, portable: false));

    private static T Create<T>(XpraKey key, CipherParameters parameters, Factory<T> factory)
    {
        PacketCipher.CheckKeySize(parameters);
        // On the stack, where the garbage collector does not copy it; its size has been checked.
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
