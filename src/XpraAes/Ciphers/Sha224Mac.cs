using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;

namespace XpraAes.Ciphers;

/// <summary>HMAC-SHA224 (RFC 2104, FIPS 180-4), which .NET lacks. A class of its own, so that BouncyCastle is loaded only when needed.</summary>
internal static class Sha224Mac
{
    /// <summary>The 28-byte code.</summary>
    public static byte[] Compute(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message)
    {
        var mac = new HMac(new Sha224Digest());
        mac.Init(new KeyParameter(key));
        mac.BlockUpdate(message);
        var code = new byte[mac.GetMacSize()];
        mac.DoFinal(code);
        return code;
    }
}
