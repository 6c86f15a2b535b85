using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using XpraAes.Keys;
using AesInstructions = System.Runtime.Intrinsics.X86.Aes;

namespace XpraAes.Ciphers;

/// <summary>AES with the processor's own instructions. Independent blocks are processed ten or eleven at a time: a round has a latency of four cycles, two can start in every cycle, and there are sixteen registers.</summary>
internal sealed unsafe class HardwareAes : AesEngine
{
    private const int Block = ProtocolDefaults.BlockSize;
    private const int Lanes = 10;
    private const int Wide = Lanes * Block;
    private const int WideCbc = 11 * Block;
    private const int LastWord = Block - sizeof(uint);

    private readonly SecretBuffer _schedule;
    private readonly int _rounds;

    // For the inverse cipher, which only CBC uses.
    private SecretBuffer? _decryptionSchedule;

    public HardwareAes(ReadOnlySpan<byte> key)
    {
        _rounds = key.Length / sizeof(uint) + 6;
        _schedule = new SecretBuffer((_rounds + 1) * Block);
        Expand(key, MemoryMarshal.Cast<byte, uint>(_schedule.Span));
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AesInstructions.IsSupported;

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

    public override void DecryptCbc(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        Debug.Assert(source.Length % Block == 0);
        _decryptionSchedule ??= Invert(_schedule.Span);
        fixed (byte* schedule = _decryptionSchedule.Span, from = source, to = destination[..source.Length], chained = chain[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            var before = Vector128.Load(chained);
            int at = 0;
            for (; at <= source.Length - WideCbc; at += WideCbc)
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
                var b8 = Vector128.Load(f + 8 * Block) ^ key;
                var b9 = Vector128.Load(f + 9 * Block) ^ key;
                var b10 = Vector128.Load(f + 10 * Block) ^ key;
                DecryptRound(keys[1], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[2], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[3], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[4], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[5], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[6], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[7], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[8], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                DecryptRound(keys[9], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                if (rounds > 10)
                {
                    DecryptRound(keys[10], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                    DecryptRound(keys[11], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                }

                if (rounds > 12)
                {
                    DecryptRound(keys[12], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                    DecryptRound(keys[13], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9, ref b10);
                }

                key = keys[rounds];
                b0 = AesInstructions.DecryptLast(b0, key);
                b1 = AesInstructions.DecryptLast(b1, key);
                b2 = AesInstructions.DecryptLast(b2, key);
                b3 = AesInstructions.DecryptLast(b3, key);
                b4 = AesInstructions.DecryptLast(b4, key);
                b5 = AesInstructions.DecryptLast(b5, key);
                b6 = AesInstructions.DecryptLast(b6, key);
                b7 = AesInstructions.DecryptLast(b7, key);
                b8 = AesInstructions.DecryptLast(b8, key);
                b9 = AesInstructions.DecryptLast(b9, key);
                b10 = AesInstructions.DecryptLast(b10, key);
                b0 ^= before;
                b1 ^= Vector128.Load(f);
                b2 ^= Vector128.Load(f + 1 * Block);
                b3 ^= Vector128.Load(f + 2 * Block);
                b4 ^= Vector128.Load(f + 3 * Block);
                b5 ^= Vector128.Load(f + 4 * Block);
                b6 ^= Vector128.Load(f + 5 * Block);
                b7 ^= Vector128.Load(f + 6 * Block);
                b8 ^= Vector128.Load(f + 7 * Block);
                b9 ^= Vector128.Load(f + 8 * Block);
                b10 ^= Vector128.Load(f + 9 * Block);
                before = Vector128.Load(f + 10 * Block);
                b0.Store(t);
                b1.Store(t + 1 * Block);
                b2.Store(t + 2 * Block);
                b3.Store(t + 3 * Block);
                b4.Store(t + 4 * Block);
                b5.Store(t + 5 * Block);
                b6.Store(t + 6 * Block);
                b7.Store(t + 7 * Block);
                b8.Store(t + 8 * Block);
                b9.Store(t + 9 * Block);
                b10.Store(t + 10 * Block);
            }

            for (; at < source.Length; at += Block)
            {
                var ciphertext = Vector128.Load(from + at);
                var state = ciphertext ^ keys[0];
                for (int round = 1; round < rounds; round++)
                    state = AesInstructions.Decrypt(state, keys[round]);

                AesInstructions.DecryptLast(state, keys[rounds] ^ before).Store(to + at);
                before = ciphertext;
            }

            before.Store(chained);
        }
    }

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

    public override void DecryptCfb(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> chain)
    {
        Debug.Assert(source.Length % Block == 0);
        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], chained = chain[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            var before = Vector128.Load(chained);
            int at = 0;
            for (; at <= source.Length - Wide; at += Wide)
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
                var b8 = Vector128.Load(f + 7 * Block) ^ key;
                var b9 = Vector128.Load(f + 8 * Block) ^ key;
                before = Vector128.Load(f + 9 * Block);
                XorEncrypted(keys, rounds, f, to + at, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9);
            }

            for (; at < source.Length; at += Block)
            {
                var ciphertext = Vector128.Load(from + at);
                (Encrypt(keys, rounds, before ^ keys[0]) ^ ciphertext).Store(to + at);
                before = ciphertext;
            }

            before.Store(chained);
        }
    }

    public override void XorCounter32(ReadOnlySpan<byte> source, Span<byte> destination, Span<byte> counter)
    {
        Debug.Assert(source.Length % Block == 0);
        fixed (byte* schedule = _schedule.Span, from = source, to = destination[..source.Length], counted = counter[..Block])
        {
            var keys = (Vector128<byte>*)schedule;
            int rounds = _rounds;
            uint number = BinaryPrimitives.ReadUInt32BigEndian(counter[LastWord..]);
            uint key = *(uint*)(schedule + LastWord);
            var first = Vector128.Load(counted) ^ keys[0];
            int at = 0;
            if (source.Length >= 2 * Wide)
            {
                at = source.Length - source.Length % Wide;
                XorCounters(keys, rounds, from, to, at, first, number, key);
                number += (uint)(at / Block);
            }
            else if (source.Length >= Wide)
            {
                XorEncrypted(
                    keys, rounds, from, to,
                    Counter(first, number + 0, key), Counter(first, number + 1, key), Counter(first, number + 2, key), Counter(first, number + 3, key),
                    Counter(first, number + 4, key), Counter(first, number + 5, key), Counter(first, number + 6, key), Counter(first, number + 7, key),
                    Counter(first, number + 8, key), Counter(first, number + 9, key));
                at = Wide;
                number += Lanes;
            }

            for (; at <= source.Length - 4 * Block; at += 4 * Block)
            {
                var (b0, b1, b2, b3) = (Counter(first, number++, key), Counter(first, number++, key), Counter(first, number++, key), Counter(first, number++, key));
                for (int round = 1; round < rounds; round++)
                {
                    var roundKey = keys[round];
                    b0 = AesInstructions.Encrypt(b0, roundKey);
                    b1 = AesInstructions.Encrypt(b1, roundKey);
                    b2 = AesInstructions.Encrypt(b2, roundKey);
                    b3 = AesInstructions.Encrypt(b3, roundKey);
                }

                var last = keys[rounds];
                byte* f = from + at, t = to + at;
                AesInstructions.EncryptLast(b0, last ^ Vector128.Load(f)).Store(t);
                AesInstructions.EncryptLast(b1, last ^ Vector128.Load(f + 1 * Block)).Store(t + 1 * Block);
                AesInstructions.EncryptLast(b2, last ^ Vector128.Load(f + 2 * Block)).Store(t + 2 * Block);
                AesInstructions.EncryptLast(b3, last ^ Vector128.Load(f + 3 * Block)).Store(t + 3 * Block);
            }

            for (; at < source.Length; at += Block)
                (Encrypt(keys, rounds, Counter(first, number++, key)) ^ Vector128.Load(from + at)).Store(to + at);

            BinaryPrimitives.WriteUInt32BigEndian(counter[LastWord..], number);
        }
    }

    [SkipLocalsInit] // counters are written before they are read
    private static void XorCounters(Vector128<byte>* keys, int rounds, byte* from, byte* to, int length, Vector128<byte> first, uint number, uint key)
    {
        // The next counter blocks, XORed with the first round key.
        byte* counters = stackalloc byte[Wide];
        for (uint lane = 0; lane < Lanes; lane++)
            Counter(first, number + lane, key).Store(counters + lane * Block);

        var words = (uint*)(counters + LastWord);
        for (int at = 0; at < length; at += Wide)
        {
            var b0 = Vector128.Load(counters);
            var b1 = Vector128.Load(counters + 1 * Block);
            var b2 = Vector128.Load(counters + 2 * Block);
            var b3 = Vector128.Load(counters + 3 * Block);
            var b4 = Vector128.Load(counters + 4 * Block);
            var b5 = Vector128.Load(counters + 5 * Block);
            var b6 = Vector128.Load(counters + 6 * Block);
            var b7 = Vector128.Load(counters + 7 * Block);
            var b8 = Vector128.Load(counters + 8 * Block);
            var b9 = Vector128.Load(counters + 9 * Block);
            // With integer instructions, since vector instructions compete with AES for the same units.
            number += Lanes;
            words[0] = BinaryPrimitives.ReverseEndianness(number + 0) ^ key;
            words[4] = BinaryPrimitives.ReverseEndianness(number + 1) ^ key;
            words[8] = BinaryPrimitives.ReverseEndianness(number + 2) ^ key;
            words[12] = BinaryPrimitives.ReverseEndianness(number + 3) ^ key;
            words[16] = BinaryPrimitives.ReverseEndianness(number + 4) ^ key;
            words[20] = BinaryPrimitives.ReverseEndianness(number + 5) ^ key;
            words[24] = BinaryPrimitives.ReverseEndianness(number + 6) ^ key;
            words[28] = BinaryPrimitives.ReverseEndianness(number + 7) ^ key;
            words[32] = BinaryPrimitives.ReverseEndianness(number + 8) ^ key;
            words[36] = BinaryPrimitives.ReverseEndianness(number + 9) ^ key;
            XorEncrypted(keys, rounds, from + at, to + at, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9);
        }

        CryptographicOperations.ZeroMemory(new Span<byte>(counters, Wide));
    }

    public override void Dispose()
    {
        _schedule.Dispose();
        _decryptionSchedule?.Dispose();
    }

    // The counter block of that number, XORed with the first round key, as any other of its message already is.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Counter(Vector128<byte> other, uint number, uint key)
        => other.AsUInt32().WithElement(3, BinaryPrimitives.ReverseEndianness(number) ^ key).AsByte();

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
        Vector128<byte> b4, Vector128<byte> b5, Vector128<byte> b6, Vector128<byte> b7, Vector128<byte> b8, Vector128<byte> b9)
    {
        // One after the other: a loop costs the last round's branch, which is 2 % of everything.
        EncryptRound(keys[1], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[2], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[3], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[4], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[5], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[6], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[7], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[8], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        EncryptRound(keys[9], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        if (rounds > 10)
        {
            EncryptRound(keys[10], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
            EncryptRound(keys[11], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        }

        if (rounds > 12)
        {
            EncryptRound(keys[12], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
            EncryptRound(keys[13], ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref b6, ref b7, ref b8, ref b9);
        }

        // XORed after the last round, not into its key: an XOR that can be done early takes a unit from AES.
        var key = keys[rounds];
        b0 = AesInstructions.EncryptLast(b0, key);
        b1 = AesInstructions.EncryptLast(b1, key);
        b2 = AesInstructions.EncryptLast(b2, key);
        b3 = AesInstructions.EncryptLast(b3, key);
        b4 = AesInstructions.EncryptLast(b4, key);
        b5 = AesInstructions.EncryptLast(b5, key);
        b6 = AesInstructions.EncryptLast(b6, key);
        b7 = AesInstructions.EncryptLast(b7, key);
        b8 = AesInstructions.EncryptLast(b8, key);
        b9 = AesInstructions.EncryptLast(b9, key);
        (b0 ^ Vector128.Load(from)).Store(to);
        (b1 ^ Vector128.Load(from + 1 * Block)).Store(to + 1 * Block);
        (b2 ^ Vector128.Load(from + 2 * Block)).Store(to + 2 * Block);
        (b3 ^ Vector128.Load(from + 3 * Block)).Store(to + 3 * Block);
        (b4 ^ Vector128.Load(from + 4 * Block)).Store(to + 4 * Block);
        (b5 ^ Vector128.Load(from + 5 * Block)).Store(to + 5 * Block);
        (b6 ^ Vector128.Load(from + 6 * Block)).Store(to + 6 * Block);
        (b7 ^ Vector128.Load(from + 7 * Block)).Store(to + 7 * Block);
        (b8 ^ Vector128.Load(from + 8 * Block)).Store(to + 8 * Block);
        (b9 ^ Vector128.Load(from + 9 * Block)).Store(to + 9 * Block);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EncryptRound(
        Vector128<byte> key, ref Vector128<byte> b0, ref Vector128<byte> b1, ref Vector128<byte> b2, ref Vector128<byte> b3,
        ref Vector128<byte> b4, ref Vector128<byte> b5, ref Vector128<byte> b6, ref Vector128<byte> b7, ref Vector128<byte> b8, ref Vector128<byte> b9)
    {
        b0 = AesInstructions.Encrypt(b0, key);
        b1 = AesInstructions.Encrypt(b1, key);
        b2 = AesInstructions.Encrypt(b2, key);
        b3 = AesInstructions.Encrypt(b3, key);
        b4 = AesInstructions.Encrypt(b4, key);
        b5 = AesInstructions.Encrypt(b5, key);
        b6 = AesInstructions.Encrypt(b6, key);
        b7 = AesInstructions.Encrypt(b7, key);
        b8 = AesInstructions.Encrypt(b8, key);
        b9 = AesInstructions.Encrypt(b9, key);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DecryptRound(
        Vector128<byte> key, ref Vector128<byte> b0, ref Vector128<byte> b1, ref Vector128<byte> b2, ref Vector128<byte> b3,
        ref Vector128<byte> b4, ref Vector128<byte> b5, ref Vector128<byte> b6, ref Vector128<byte> b7, ref Vector128<byte> b8, ref Vector128<byte> b9, ref Vector128<byte> b10)
    {
        b0 = AesInstructions.Decrypt(b0, key);
        b1 = AesInstructions.Decrypt(b1, key);
        b2 = AesInstructions.Decrypt(b2, key);
        b3 = AesInstructions.Decrypt(b3, key);
        b4 = AesInstructions.Decrypt(b4, key);
        b5 = AesInstructions.Decrypt(b5, key);
        b6 = AesInstructions.Decrypt(b6, key);
        b7 = AesInstructions.Decrypt(b7, key);
        b8 = AesInstructions.Decrypt(b8, key);
        b9 = AesInstructions.Decrypt(b9, key);
        b10 = AesInstructions.Decrypt(b10, key);
    }

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

    // FIPS 197 section 5.3.5: the round keys in reverse order, all but the first and the last through InvMixColumns.
    private static SecretBuffer Invert(ReadOnlySpan<byte> schedule)
    {
        var inverse = new SecretBuffer(schedule.Length);
        var from = MemoryMarshal.Cast<byte, Vector128<byte>>(schedule);
        var to = MemoryMarshal.Cast<byte, Vector128<byte>>(inverse.Span);
        int rounds = from.Length - 1;
        to[0] = from[rounds];
        for (int round = 1; round < rounds; round++)
            to[round] = AesInstructions.InverseMixColumns(from[rounds - round]);

        to[rounds] = from[0];
        return inverse;
    }

    private static uint SubstituteWord(uint word) => AesInstructions.KeygenAssist(Vector128.Create(word).AsByte(), 0).AsUInt32().ToScalar();
}
