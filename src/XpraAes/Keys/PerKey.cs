using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace XpraAes.Keys;

/// <summary>What is derived from key data once per process, whichever key object has it. It is looked up by a keyed hash: the key data is not kept for that.</summary>
/// <param name="create">Derives it, once for each key.</param>
internal sealed class PerKey<T>(Func<XpraKey, T> create)
{
    private readonly byte[] _lookupKey = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<UInt128, Lazy<T>> _items = [];

    /// <summary>What belongs to this key. The first time takes as long as deriving it.</summary>
    public T Of(XpraKey key)
        => _items.GetOrAdd(BinaryPrimitives.ReadUInt128BigEndian(HMACSHA256.HashData(_lookupKey, key.Data)), _ => new Lazy<T>(() => create(key))).Value;
}
