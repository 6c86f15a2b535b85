using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using XpraAes.Keys;

namespace XpraAes.Transports;

/// <summary>What both ends of TLS 1.3 with a pre-shared key agree to: that version alone, psk_dhe_ke alone, X25519 or P-256, AES-GCM.</summary>
internal static class TlsPskRules
{
    public static readonly int[] Suites = [CipherSuite.TLS_AES_256_GCM_SHA384, CipherSuite.TLS_AES_128_GCM_SHA256];
    public static readonly short[] KeyExchanges = [PskKeyExchangeMode.psk_dhe_ke];
    public static readonly int[] Groups = [NamedGroup.x25519, NamedGroup.secp256r1];

    /// <summary>Bytes of a handshake message; a client's hello has 110 for each key that it offers.</summary>
    public const int MaxHandshakeMessageSize = 16 * 1024;

    public static ProtocolVersion[] Versions => [ProtocolVersion.TLSv13];

    public static int HashOf(int suite) => suite == CipherSuite.TLS_AES_256_GCM_SHA384 ? PrfAlgorithm.tls13_hkdf_sha384 : PrfAlgorithm.tls13_hkdf_sha256;

    public static PskSecret For(int suite, TlsPskSecrets secrets) => suite == CipherSuite.TLS_AES_256_GCM_SHA384 ? secrets.Sha384 : secrets.Sha256;

    public static TlsPskExternal ToExternal(TlsCrypto crypto, TlsPskSecrets secrets, int suite)
    {
        var psk = For(suite, secrets);
        return new BasicTlsPskExternal(Encoding.ASCII.GetBytes(psk.Identity), crypto.CreateSecret(psk.Key.Span.ToArray()), HashOf(suite));
    }

    public static TlsPskAgreement TakeAgreement(SecurityParameters parameters, XpraKey key, bool isClient)
    {
        var suite = parameters.CipherSuite;
        var client = new TlsRecordProtection(suite, parameters.TrafficSecretClient.Extract());
        var server = new TlsRecordProtection(suite, parameters.TrafficSecretServer.Extract());
        return new TlsPskAgreement(key, suite, isClient, isClient ? server : client, isClient ? client : server);
    }
}

/// <summary>The client's choices: it offers the key for both hashes, and goes on with nothing else.</summary>
internal sealed class TlsPskClient(TlsCrypto crypto, IReadOnlyList<(XpraKey Key, TlsPskSecrets Secrets)> keys) : AbstractTlsClient(crypto), ITlsPskPeer
{
    /// <summary>The key that the server has chosen.</summary>
    private XpraKey? _key;

    public TlsPskAgreement TakeAgreement() => TlsPskRules.TakeAgreement(m_context.SecurityParameters, _key!, isClient: true);

    public override int GetMaxHandshakeMessageSize() => TlsPskRules.MaxHandshakeMessageSize;

    public override int[] GetCipherSuites() => TlsPskRules.Suites;

    protected override ProtocolVersion[] GetSupportedVersions() => TlsPskRules.Versions;

    protected override int[] GetSupportedCipherSuites() => TlsPskRules.Suites;

    public override short[] GetPskKeyExchangeModes() => TlsPskRules.KeyExchanges;

    public override IList<TlsPskExternal> GetExternalPsks()
        => [.. TlsPskRules.Suites.SelectMany(suite => keys.Select(key => TlsPskRules.ToExternal(Crypto, key.Secrets, suite)))];

    protected override IList<int> GetSupportedGroups(IList<int> namedGroupRoles) => [.. TlsPskRules.Groups];

    /// <summary>A share for each group, so that no server has to ask again: BouncyCastle 2.7.0 cuts off the second hello where the server's suite goes with only one of the keys.</summary>
    public override IList<int> GetEarlyKeyShareGroups() => [.. TlsPskRules.Groups];

    protected override IList<SignatureAndHashAlgorithm>? GetSupportedSignatureAlgorithms() => null;

    /// <summary>A server that does not take the key would prove itself by a certificate: that is no way on.</summary>
    public override void NotifySelectedPsk(TlsPsk? selectedPsk)
    {
        if (selectedPsk is not TlsPskExternal chosen)
            throw new TlsFatalAlert(AlertDescription.handshake_failure);
        var identity = Encoding.ASCII.GetString(chosen.Identity);
        _key = keys.First(key => key.Secrets.Sha256.Identity == identity || key.Secrets.Sha384.Identity == identity).Key;
    }

    public override TlsAuthentication GetAuthentication() => throw new TlsFatalAlert(AlertDescription.internal_error);
}

/// <summary>The server's choices. A client with another identity goes on with a random key to where one with the wrong key fails: the two cannot be told apart.</summary>
internal sealed class TlsPskServer(TlsCrypto crypto, IReadOnlyList<(XpraKey Key, TlsPskSecrets Secrets)> keys) : AbstractTlsServer(crypto), ITlsPskPeer
{
    private int _suite;

    /// <summary>The key that the client has named; only once the handshake is done has it proven to hold it.</summary>
    private XpraKey? _key;

    public TlsPskAgreement TakeAgreement() => TlsPskRules.TakeAgreement(m_context.SecurityParameters, _key!, isClient: false);

    public override int GetMaxHandshakeMessageSize() => TlsPskRules.MaxHandshakeMessageSize;

    public override int[] GetCipherSuites() => TlsPskRules.Suites;

    protected override ProtocolVersion[] GetSupportedVersions() => TlsPskRules.Versions;

    protected override int[] GetSupportedCipherSuites() => TlsPskRules.Suites;

    public override short[] GetPskKeyExchangeModes() => TlsPskRules.KeyExchanges;

    protected override bool PreferLocalCipherSuites() => true;

    public override int[] GetSupportedGroups() => TlsPskRules.Groups;

    public override TlsPskExternal? GetExternalPsk(IList<PskIdentity> identities)
    {
        var identity = identities.Select(offered => Encoding.ASCII.GetString(offered.Identity)).ToArray();
        int[] suites = [.. TlsPskRules.Suites.Where(m_offeredCipherSuites.Contains)];
        foreach (var suite in suites)
        {
            foreach (var (key, secrets) in keys)
            {
                if (!identity.Contains(TlsPskRules.For(suite, secrets).Identity))
                    continue;
                (_key, _suite) = (key, suite);
                return TlsPskRules.ToExternal(Crypto, secrets, suite);
            }
        }
        if (identities.Count == 0 || suites.Length == 0)
            return null;
        _suite = suites[0];
        return new BasicTlsPskExternal(identities[0].Identity, Crypto.CreateSecret(RandomNumberGenerator.GetBytes(48)), TlsPskRules.HashOf(_suite));
    }

    /// <summary>A pre-shared key is bound to the hash of its suite, so that suite follows from the key.</summary>
    public override int GetSelectedCipherSuite() => _suite != 0 && SelectCipherSuite(_suite) ? _suite : throw new TlsFatalAlert(AlertDescription.handshake_failure);

    public override TlsCredentials GetCredentials() => throw new TlsFatalAlert(AlertDescription.handshake_failure);
}
