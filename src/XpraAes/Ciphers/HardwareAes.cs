using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using XpraAes.Keys;
using AesInstructions = System.Runtime.Intrinsics.X86.Aes;

namespace XpraAes.Ciphers;

/// <summary>AES with the processor's own instructions. Independent blocks are processed eight at a time: a round has a latency of several cycles, but one can start every cycle.</summary>
internal sealed unsafe class HardwareAes : AesEngine
{
    private const int Block = ProtocolDefaults.BlockSize;
    private const int Wide = 8 * Block;
    private const int MaxRounds = 14;

    // Encryption round keys, followed by those for decryption (FIPS 197 section 5.3.5).
    private readonly SecretBuffer _schedule = new(2 * (MaxRounds + 1) * Block);
    private readonly int _rounds;

    public HardwareAes(ReadOnlySpan<byte> key)
    {
        _rounds = key.Length / sizeof(uint) + 6;
        Expand(key, MemoryMarshal.Cast<byte, uint>(_schedule.Span)[..((_rounds + 1) * Block / sizeof(uint))]);
        var keys = MemoryMarshal.Cast<byte, Vector128<byte>>(_schedule.Span);
        var decryption = keys[(MaxRounds + 1)..];
        decryption[0] = keys[_rounds];
        for (int round = 1; round < _rounds; round++)
            decryption[round] = AesInstructions.InverseMixColumns(keys[_rounds - round]);

        decryption[_rounds] = keys[0];
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AesInstructions.IsSupported && Ssse3.IsSupported;

    public override int KeystreamBatch => Wide;

    public override void EncryptBlock(Span<byte> block)
    {
        fixed (byte* schedule = _schedule.Span, to = block[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            Encrypt(keys, _rounds, Vector128.Load(to) ^ keys[0]).Store(to);
        }
    }

    public override void EncryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        Debug.Assert(source.Length % Block == 0);
        if (source.IsEmpty)
            return;

        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], chained = chain[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            int last = source.Length - Block;
            var whitening = keys[0];
            var state = Vector128.Load(chained) ^ Vector128.Load(from) ^ whitening;
            Vector128<byte> ciphertext;
            for (int at = 0; ; at += Block)
            {
                // The next block's plaintext is XORed into the last round key, which shortens the block-to-block dependency chain.
                var next = whitening;
                if (at != last)
                    next ^= Vector128.Load(from + at + Block);

                for (int round = 1; round < rounds; round++)
                    state = AesInstructions.Encrypt(state, keys[round]);

                state = AesInstructions.EncryptLast(state, keys[rounds] ^ next);
                ciphertext = state ^ next;
                ciphertext.Store(to + at);
                if (at == last)
                    break;
            }

            ciphertext.Store(chained);
        }
    }

    public override void DecryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain) => Decrypt(source, destination, chain, cbc: true);

    public override void EncryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        Debug.Assert(source.Length % Block == 0);
        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], chained = chain[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            var whitening = keys[0];
            var state = Vector128.Load(chained) ^ whitening;
            for (int at = 0; at < source.Length; at += Block)
            {
                // The plaintext and the next block's first round key are XORed into the last round key, as in CBC.
                var plaintext = Vector128.Load(from + at) ^ whitening;
                for (int round = 1; round < rounds; round++)
                    state = AesInstructions.Encrypt(state, keys[round]);

                state = AesInstructions.EncryptLast(state, keys[rounds] ^ plaintext);
                (state ^ whitening).Store(to + at);
            }

            (state ^ whitening).Store(chained);
        }
    }

    public override void DecryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain) => Decrypt(source, destination, chain, cbc: false);

    public override void XorCounter32(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> counter)
    {
        Debug.Assert(source.Length % Block == 0);
        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], counted = counter[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            // Least significant byte first, so that the 32-bit counter is element 0.
            var next = Reverse(Vector128.Load(counted)).AsUInt32();
            int at = 0;
            for (; at <= source.Length - Wide; at += Wide)
            {
                var key = keys[0];
                var b0 = Reverse(next.AsByte()) ^ key;
                var b1 = Reverse((next + Vector128.CreateScalar(1u)).AsByte()) ^ key;
                var b2 = Reverse((next + Vector128.CreateScalar(2u)).AsByte()) ^ key;
                var b3 = Reverse((next + Vector128.CreateScalar(3u)).AsByte()) ^ key;
                var b4 = Reverse((next + Vector128.CreateScalar(4u)).AsByte()) ^ key;
                var b5 = Reverse((next + Vector128.CreateScalar(5u)).AsByte()) ^ key;
                var b6 = Reverse((next + Vector128.CreateScalar(6u)).AsByte()) ^ key;
                var b7 = Reverse((next + Vector128.CreateScalar(7u)).AsByte()) ^ key;
                next += Vector128.CreateScalar(8u);
                XorEncrypted(keys, rounds, from + at, to + at, b0, b1, b2, b3, b4, b5, b6, b7);
            }

            for (; at < source.Length; at += Block)
            {
                (Encrypt(keys, rounds, Reverse(next.AsByte()) ^ keys[0]) ^ Vector128.Load(from + at)).Store(to + at);
                next += Vector128.CreateScalar(1u);
            }

            Reverse(next.AsByte()).Store(counted);
        }
    }

    public override void Dispose() => _schedule.Dispose();

    private void Decrypt(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain, bool cbc)
    {
        Debug.Assert(source.Length % Block == 0);
        int wide = source.Length - source.Length % Wide;
        DecryptWide(source[..wide], destination, chain, cbc);
        source = source[wide..];
        if (source.IsEmpty)
            return;

        // A few blocks take as long as eight.
        Span<byte> batch = stackalloc byte[Wide + Block];
        var last = batch[Wide..];
        source.CopyTo(batch);
        source[^Block..].CopyTo(last);
        DecryptWide(batch[..Wide], batch, chain, cbc);
        batch[..source.Length].CopyTo(destination[wide..]);
        last.CopyTo(chain);
    }

    private void DecryptWide(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain, bool cbc)
    {
        if (cbc)
            DecryptCbcWide(source, destination, chain);
        else
            DecryptCfbWide(source, destination, chain);
    }

    private void DecryptCbcWide(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], chained = chain[..Block])
        {
            var keys = (Vector128<byte>*)schedule + MaxRounds + 1;
            int rounds = _rounds;
            var before = Vector128.Load(chained);
            for (int at = 0; at < source.Length; at += Wide)
            {
                byte* f = from + at;
                byte* t = to + at;
                var key = keys[0];
                var b0 = Vector128.Load(f) ^ key;
                var b1 = Vector128.Load(f + 1 * Block) ^ key;
                var b2 = Vector128.Load(f + 2 * Block) ^ key;
                var b3 = Vector128.Load(f + 3 * Block) ^ key;
                var b4 = Vector128.Load(f + 4 * Block) ^ key;
                var b5 = Vector128.Load(f + 5 * Block) ^ key;
                var b6 = Vector128.Load(f + 6 * Block) ^ key;
                var b7 = Vector128.Load(f + 7 * Block) ^ key;
                DecryptRound(keys[1], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[2], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[3], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[4], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[5], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[6], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[7], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[8], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                DecryptRound(keys[9], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                if (rounds > 10)
                {
                    DecryptRound(keys[10], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                    DecryptRound(keys[11], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                }

                if (rounds > 12)
                {
                    DecryptRound(keys[12], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                    DecryptRound(keys[13], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
                }

                key = keys[rounds];
                b0 = AesInstructions.DecryptLast(b0, key ^ before);
                b1 = AesInstructions.DecryptLast(b1, key ^ Vector128.Load(f));
                b2 = AesInstructions.DecryptLast(b2, key ^ Vector128.Load(f + 1 * Block));
                b3 = AesInstructions.DecryptLast(b3, key ^ Vector128.Load(f + 2 * Block));
                b4 = AesInstructions.DecryptLast(b4, key ^ Vector128.Load(f + 3 * Block));
                b5 = AesInstructions.DecryptLast(b5, key ^ Vector128.Load(f + 4 * Block));
                b6 = AesInstructions.DecryptLast(b6, key ^ Vector128.Load(f + 5 * Block));
                b7 = AesInstructions.DecryptLast(b7, key ^ Vector128.Load(f + 6 * Block));
                before = Vector128.Load(f + 7 * Block);
                b0.Store(t);
                b1.Store(t + 1 * Block);
                b2.Store(t + 2 * Block);
                b3.Store(t + 3 * Block);
                b4.Store(t + 4 * Block);
                b5.Store(t + 5 * Block);
                b6.Store(t + 6 * Block);
                b7.Store(t + 7 * Block);
            }

            before.Store(chained);
        }
    }

    private void DecryptCfbWide(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], chained = chain[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            var before = Vector128.Load(chained);
            for (int at = 0; at < source.Length; at += Wide)
            {
                byte* f = from + at;
                var key = keys[0];
                var b0 = before ^ key;
                var b1 = Vector128.Load(f) ^ key;
                var b2 = Vector128.Load(f + 1 * Block) ^ key;
                var b3 = Vector128.Load(f + 2 * Block) ^ key;
                var b4 = Vector128.Load(f + 3 * Block) ^ key;
                var b5 = Vector128.Load(f + 4 * Block) ^ key;
                var b6 = Vector128.Load(f + 5 * Block) ^ key;
                var b7 = Vector128.Load(f + 6 * Block) ^ key;
                before = Vector128.Load(f + 7 * Block);
                XorEncrypted(keys, rounds, f, to + at, b0, b1, b2, b3, b4, b5, b6, b7);
            }

            before.Store(chained);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Encrypt(Vector128<byte>* keys, int rounds, Vector128<byte> block)
    {
        for (int round = 1; round < rounds; round++)
            block = AesInstructions.Encrypt(block, keys[round]);

        return AesInstructions.EncryptLast(block, keys[rounds]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void XorEncrypted(
        Vector128<byte>* keys, int rounds, byte* from, byte* to,
        Vector128<byte> b0, Vector128<byte> b1, Vector128<byte> b2, Vector128<byte> b3,
        Vector128<byte> b4, Vector128<byte> b5, Vector128<byte> b6, Vector128<byte> b7)
    {
        // One after the other: a loop costs the last round's branch, which is 2 % of everything.
        EncryptRound(keys[1], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[2], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[3], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[4], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[5], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[6], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[7], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[8], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        EncryptRound(keys[9], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        if (rounds > 10)
        {
            EncryptRound(keys[10], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
            EncryptRound(keys[11], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        }

        if (rounds > 12)
        {
            EncryptRound(keys[12], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
            EncryptRound(keys[13], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7);
        }

        var key = keys[rounds];
        b0 = AesInstructions.EncryptLast(b0, key ^ Vector128.Load(from));
        b1 = AesInstructions.EncryptLast(b1, key ^ Vector128.Load(from + 1 * Block));
        b2 = AesInstructions.EncryptLast(b2, key ^ Vector128.Load(from + 2 * Block));
        b3 = AesInstructions.EncryptLast(b3, key ^ Vector128.Load(from + 3 * Block));
        b4 = AesInstructions.EncryptLast(b4, key ^ Vector128.Load(from + 4 * Block));
        b5 = AesInstructions.EncryptLast(b5, key ^ Vector128.Load(from + 5 * Block));
        b6 = AesInstructions.EncryptLast(b6, key ^ Vector128.Load(from + 6 * Block));
        b7 = AesInstructions.EncryptLast(b7, key ^ Vector128.Load(from + 7 * Block));
        b0.Store(to);
        b1.Store(to + 1 * Block);
        b2.Store(to + 2 * Block);
        b3.Store(to + 3 * Block);
        b4.Store(to + 4 * Block);
        b5.Store(to + 5 * Block);
        b6.Store(to + 6 * Block);
        b7.Store(to + 7 * Block);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EncryptRound(
        Vector128<byte> key, ref Vector128<byte> b0, ref Vector128<byte> b1, ref Vector128<byte> b2, ref Vector128<byte> b3,
        ref Vector128<byte> b4, ref Vector128<byte> b5, ref Vector128<byte> b6, ref Vector128<byte> b7)
    {
        b0 = AesInstructions.Encrypt(b0, key);
        b1 = AesInstructions.Encrypt(b1, key);
        b2 = AesInstructions.Encrypt(b2, key);
        b3 = AesInstructions.Encrypt(b3, key);
        b4 = AesInstructions.Encrypt(b4, key);
        b5 = AesInstructions.Encrypt(b5, key);
        b6 = AesInstructions.Encrypt(b6, key);
        b7 = AesInstructions.Encrypt(b7, key);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DecryptRound(
        Vector128<byte> key, ref Vector128<byte> b0, ref Vector128<byte> b1, ref Vector128<byte> b2, ref Vector128<byte> b3,
        ref Vector128<byte> b4, ref Vector128<byte> b5, ref Vector128<byte> b6, ref Vector128<byte> b7)
    {
        b0 = AesInstructions.Decrypt(b0, key);
        b1 = AesInstructions.Decrypt(b1, key);
        b2 = AesInstructions.Decrypt(b2, key);
        b3 = AesInstructions.Decrypt(b3, key);
        b4 = AesInstructions.Decrypt(b4, key);
        b5 = AesInstructions.Decrypt(b5, key);
        b6 = AesInstructions.Decrypt(b6, key);
        b7 = AesInstructions.Decrypt(b7, key);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Reverse(Vector128<byte> block)
        => Ssse3.Shuffle(block, Vector128.Create((byte)15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));

    // FIPS 197 section 5.2, on words in memory order. AESKEYGENASSIST substitutes a word in constant time: its element 0 is SubWord of element 1.
    private static void Expand(ReadOnlySpan<byte> key, Span<uint> words)
    {
        var keyWords = MemoryMarshal.Cast<byte, uint>(key);
        keyWords.CopyTo(words);
        uint roundConstant = 1;
        for (int i = keyWords.Length; i < words.Length; i++)
        {
            uint word = words[i - 1];
            if (i % keyWords.Length == 0)
            {
                word = BitOperations.RotateRight(SubstituteWord(word), 8) ^ roundConstant;
                roundConstant = (roundConstant << 1) ^ ((roundConstant >> 7) * 0x11B);
            }
            else if (keyWords.Length == 8 && i % 8 == 4)
            {
                word = SubstituteWord(word);
            }

            words[i] = words[i - keyWords.Length] ^ word;
        }
    }

    private static uint SubstituteWord(uint word) => AesInstructions.KeygenAssist(Vector128.Create(word).AsByte(), 0).AsUInt32().ToScalar();
}
