using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;

namespace XpraAes.Handshake;

/// <summary>
/// Sees to it that nothing is encrypted twice under one salt with one key: the AES key depends on the salt, not on mode or IV, and
/// whoever gets known text under it once more has a keystream (PROTOCOL section 16). There is one for each key in the process,
/// whatever listeners and connections use the key, for as long as the process runs.
/// </summary>
internal sealed class SaltMemory
{
    /// <summary>Salts that servers gave to our clients in this process; arbitrary, a stranger cannot add to them.</summary>
    private const int MaxServerSalts = 100_000;

    private static readonly byte[] s_indexKey = RandomNumberGenerator.GetBytes(32);
    private static readonly ConcurrentDictionary<UInt128, Lazy<SaltMemory>> s_all = [];

    private readonly object _gate = new();
    private SaltTable _proven = new();
    private UnprovenSalts _strangers = new();
    private readonly Dictionary<UInt128, DateTimeOffset> _fresh = []; // salts of our own clients, until their time is over
    private UnprovenSalts _servers = new();
    private readonly List<SaltJournal> _journals = [];
    private int _freshBeforeCleaning = 1024;

    private SaltMemory(ReadOnlySpan<byte> keyData) => Tags = new SaltTags(keyData);

    /// <summary>The tags of this key's salts.</summary>
    public SaltTags Tags { get; }

    /// <summary>Salts of proven sessions that are remembered for good.</summary>
    public int Proven
    {
        get
        {
            lock (_gate)
                return _proven.Count;
        }
    }

    /// <summary>The memory of a key's salts. The first time for each key it takes some 60 ms.</summary>
    public static SaltMemory Of(XpraKey key)
    {
        return s_all.GetOrAdd(IndexOf(key), _ => new Lazy<SaltMemory>(() => new SaltMemory(key.Data))).Value;
    }

    /// <summary>Forgets all as the end of the process does, for tests of what comes after it.</summary>
    internal void Clear()
    {
        lock (_gate)
        {
            _proven = new SaltTable();
            _strangers = new UnprovenSalts();
            _servers = new UnprovenSalts();
            _fresh.Clear();
        }
    }

    /// <summary>Takes up what the file of this key's salts in a folder holds, and keeps it up to date until the result is disposed of. Several in this process share it.</summary>
    /// <exception cref="XpraAesException">As <see cref="SaltJournal.Open"/>.</exception>
    public IDisposable KeepIn(string folder, ILogger log)
    {
        lock (_gate)
        {
            var path = SaltJournal.PathIn(folder, Tags);
            if (_journals.Find(known => known.Path == path) is not { } journal)
            {
                journal = SaltJournal.Open(path, log, out var records);
                foreach (var (trace, expires) in records)
                {
                    if (expires is { } time)
                        _fresh[trace] = time;
                    else
                        _proven.Add(trace);
                }
                journal.Replace(Records());
                _journals.Add(journal);
            }
            journal.Users++;
            return new Keeping(this, journal);
        }
    }

    private void Leave(SaltJournal journal)
    {
        lock (_gate)
        {
            if (--journal.Users > 0)
                return;
            _journals.Remove(journal);
            journal.Dispose();
        }
    }

    /// <summary>Decides whether a listener may encrypt under the salt that a client's hello asks for, and takes it as used.</summary>
    /// <param name="salt">The salt, as it goes into PBKDF2.</param>
    /// <param name="hello">The hello that it stands in.</param>
    /// <param name="source">The client's address.</param>
    /// <param name="isProven">Whether that hello has come encrypted, so that the client holds the key.</param>
    /// <param name="limits">The bounds.</param>
    /// <param name="now">The listener's time.</param>
    /// <returns>Whether the hello is of one who holds the key, and of no other place or time.</returns>
    /// <exception cref="XpraAesException">SaltReused, HelloAltered, HelloExpired.</exception>
    public bool Use(ReadOnlySpan<byte> salt, XpraDictionary hello, IPAddress source, bool isProven, Limits limits, DateTimeOffset now)
    {
        if (salt.SequenceEqual(ProtocolDefaults.FirstPacketSalt))
            throw new XpraAesException(XpraErrorId.SaltReused, "The client asks for the fixed salt of an encrypted first packet.");
        var origin = Tags.OriginOf(salt);
        if (origin == SaltOrigin.Listener)
            throw new XpraAesException(XpraErrorId.SaltReused, "The client asks for a salt that a listener with this key announced: it has no salt of its own, and perhaps not the key.");
        if (origin == SaltOrigin.Client)
            RequireFresh(salt, hello, limits, now);
        var trace = Tags.TraceOf(salt);
        lock (_gate)
        {
            if (IsKnown(trace))
                throw Reused("The client asks for a salt that was used before with this key: its hello is another's, sent again.");
            if (origin == SaltOrigin.Client)
                RememberFresh(trace, now, limits);
            else if (isProven)
                RememberProven(trace);
            else
                _strangers.Add(trace, source, limits.RememberedSalts);
        }
        return origin == SaltOrigin.Client;
    }

    /// <summary>The client of this salt holds the key: its salt is remembered for as long as the key is used.</summary>
    public void Prove(ReadOnlySpan<byte> salt)
    {
        var trace = Tags.TraceOf(salt);
        lock (_gate)
        {
            _strangers.Remove(trace);
            if (!_fresh.ContainsKey(trace))
                RememberProven(trace);
        }
    }

    /// <summary>Decides whether a client may encrypt under what the server of its choice asks for, and takes the salt as used.</summary>
    /// <param name="announced">How the server asks to be encrypted to.</param>
    /// <param name="own">How the client asked to be encrypted to, in the hello that the server answers.</param>
    /// <exception cref="XpraAesException">SaltReused, HelloAltered.</exception>
    public void UseAsClient(CipherCapabilities announced, CipherParameters own)
    {
        var parameters = announced.Parameters;
        var salt = parameters.Salt.Span;
        if (salt.SequenceEqual(ProtocolDefaults.FirstPacketSalt))
            throw Reused("The server asks for the fixed salt of an encrypted first packet.");
        var origin = Tags.OriginOf(salt);
        if (origin == SaltOrigin.Client || salt.SequenceEqual(own.Salt.Span))
            throw Reused("The server gives a client's own salt back: both directions would be encrypted alike.");
        if (origin == SaltOrigin.Listener && !Tags.Answers(salt, own.Salt.Span, parameters, announced.HasStream ? parameters.Stream : null))
            throw Altered("The answer is of another listener or session of ours, or was changed on the way.");
        var trace = Tags.TraceOf(salt);
        lock (_gate)
        {
            if (IsKnown(trace))
                throw Reused("The server asks for a salt that was used before with this key.");
            _servers.Add(trace, IPAddress.None, MaxServerSalts);
        }
    }

    // Neither the key data nor a hash of it that others could compute stays behind.
    private static UInt128 IndexOf(XpraKey key) => BinaryPrimitives.ReadUInt128BigEndian(HMACSHA256.HashData(s_indexKey, key.Data));

    private void RequireFresh(ReadOnlySpan<byte> salt, XpraDictionary hello, Limits limits, DateTimeOffset now)
    {
        if (!IsFor(salt, hello))
            throw Altered("The client's hello was changed on the way, or its salt is another's.");
        var age = now - SaltTags.TimeOf(salt);
        if (age.Duration() > limits.HelloAge)
        {
            throw new XpraAesException(XpraErrorId.HelloExpired,
                $"By its own clock the client made its hello {age.Duration():d\\.hh\\:mm\\:ss} {(age < TimeSpan.Zero ? "ahead of" : "behind")} this machine's time: it is an old one sent again, or the clocks differ.",
                $"Set the clocks of both machines; {limits.HelloAge} is allowed (-Limit @{{ HelloAge = … }}).");
        }
    }

    private bool IsFor(ReadOnlySpan<byte> salt, XpraDictionary hello)
    {
        try
        {
            return Tags.IsFor(salt, hello);
        }
        catch (Exception e) when (e is XpraAesException or ArgumentException or OverflowException)
        {
            // It holds what no client of ours sends, and rencode has no form for.
            return false;
        }
    }

    private bool IsKnown(UInt128 trace)
        => _proven.Contains(trace) || _strangers.Contains(trace) || _fresh.ContainsKey(trace) || _servers.Contains(trace);

    private void RememberProven(UInt128 trace)
    {
        if (_proven.Add(trace))
            Append(trace, null);
    }

    private void RememberFresh(UInt128 trace, DateTimeOffset now, Limits limits)
    {
        // What is too old is refused by its time from there on; twice, since a clock may be ahead by as much.
        var expires = now + 2 * limits.HelloAge;
        if (_fresh.Count >= _freshBeforeCleaning)
        {
            foreach (var (old, time) in _fresh)
            {
                if (time < now)
                    _fresh.Remove(old);
            }
            _freshBeforeCleaning = Math.Max(1024, 2 * _fresh.Count);
        }
        _fresh[trace] = expires;
        Append(trace, expires);
    }

    private void Append(UInt128 trace, DateTimeOffset? expires)
    {
        foreach (var journal in _journals)
        {
            journal.Append(trace, expires);
            if (journal.IsDueForCompaction(_proven.Count + _fresh.Count))
                journal.Replace(Records());
        }
    }

    private IEnumerable<(UInt128 Trace, DateTimeOffset? Expires)> Records()
        => _proven.Traces.Select(trace => (trace, (DateTimeOffset?)null)).Concat(_fresh.Select(salt => (salt.Key, (DateTimeOffset?)salt.Value)));

    private static XpraAesException Reused(string message)
        => new(XpraErrorId.SaltReused, message, "Somebody on the way may be attacking: see SECURITY.md. Connect again; if it happens again, change the key.");

    private static XpraAesException Altered(string message)
        => new(XpraErrorId.HelloAltered, message, "Somebody on the way may be attacking: see SECURITY.md. Connect again, over another way if there is one.");

    private sealed class Keeping(SaltMemory memory, SaltJournal journal) : IDisposable
    {
        private SaltJournal? _journal = journal;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _journal, null) is { } kept)
                memory.Leave(kept);
        }
    }
}
