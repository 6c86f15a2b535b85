using System.Security.Cryptography;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;

namespace XpraAes.Transports;

/// <summary>BouncyCastle's primitives for one handshake of TLS, with the platform's AES-GCM and random numbers.</summary>
internal sealed class PlatformTlsCrypto() : BcTlsCrypto(new Org.BouncyCastle.Security.SecureRandom(new Org.BouncyCastle.Crypto.Prng.CryptoApiRandomGenerator())), IDisposable
{
    private readonly List<Gcm> _ciphers = [];

    protected override TlsAeadCipher CreateCipher_Aes_Gcm(TlsCryptoParameters cryptoParams, int cipherKeySize, int macSize)
        => new(cryptoParams, CreateGcm(encrypts: true), CreateGcm(encrypts: false), cipherKeySize, macSize, TlsAeadCipher.AEAD_GCM);

    /// <summary>Ends the handshake's keys.</summary>
    public void Dispose() => _ciphers.ForEach(cipher => cipher.Dispose());

    private Gcm CreateGcm(bool encrypts)
    {
        var cipher = new Gcm(encrypts);
        _ciphers.Add(cipher);
        return cipher;
    }

    /// <summary>One direction's AES-GCM with a tag of 16 bytes behind the data (RFC 8446 section 5.2).</summary>
    private sealed class Gcm(bool encrypts) : TlsAeadCipherImpl, IDisposable
    {
        private const int TagSize = 16;

        private AesGcm? _aes;
        private byte[] _nonce = [], _data = [];

        public void SetKey(byte[] key, int keyOff, int keyLen) => SetKey(key.AsSpan(keyOff, keyLen));

        public void SetKey(ReadOnlySpan<byte> key)
        {
            _aes?.Dispose();
            _aes = new AesGcm(key, TagSize);
        }

        public void Init(byte[] nonce, int macSize, byte[]? additionalData) => (_nonce, _data) = (nonce, additionalData ?? []);

        public int GetOutputSize(int inputLength) => encrypts ? inputLength + TagSize : Math.Max(0, inputLength - TagSize);

        public int DoFinal(byte[] input, int inputOffset, int inputLength, byte[] output, int outputOffset) => DoFinal(_data, input, inputOffset, inputLength, output, outputOffset);

        public int DoFinal(byte[]? additionalData, byte[] input, int inputOffset, int inputLength, byte[] output, int outputOffset)
        {
            var size = GetOutputSize(inputLength);
            var source = input.AsSpan(inputOffset, inputLength);
            var target = output.AsSpan(outputOffset);
            if (encrypts)
            {
                _aes!.Encrypt(_nonce, source, target[..inputLength], target.Slice(inputLength, TagSize), additionalData ?? _data);
                return size;
            }
            if (inputLength < TagSize)
                throw new TlsFatalAlert(AlertDescription.bad_record_mac);
            try
            {
                _aes!.Decrypt(_nonce, source[..size], source[size..], target[..size], additionalData ?? _data);
            }
            catch (AuthenticationTagMismatchException e)
            {
                throw new TlsFatalAlert(AlertDescription.bad_record_mac, e);
            }
            return size;
        }

        public void Reset()
        {
        }

        public void Dispose() => _aes?.Dispose();
    }
}
