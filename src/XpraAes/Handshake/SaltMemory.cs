using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using XpraAes.Ciphers;
using XpraAes.Encodings;
using XpraAes.Keys;

namespace XpraAes.Handshake;

/// <summary>
/// Rejects salts that were used before with the same key. The AES key depends only on key and salt, so a repeated salt could reuse a
/// keystream (PROTOCOL section 16). One instance per key serves all listeners and connections for the lifetime of the process.
/// </summary>
internal sealed class SaltMemory
{
    /// <summary>The most server salts that this process's clients remember; arbitrary, unauthenticated clients cannot add to them.</summary>
    private const int MaxServerSalts = 100_000;

    private static readonly PerKey<SaltMemory> s_perKey = new(key => new SaltMemory(key.Data));

    private readonly object _gate = new();
    private SaltTable _proven = new();
    private UnprovenSalts _unproven = new();
    private readonly Dictionary<UInt128, DateTimeOffset> _tagged = []; // salts of XpraAes clients, with their expiry
    private UnprovenSalts _serverSalts = new();
    private readonly List<SaltJournal> _journals = [];
    private int _taggedBeforeCleanup = 1024;

    private SaltMemory(ReadOnlySpan<byte> keyData) => Tags = new SaltTags(keyData);

    /// <summary>Creates and checks this key's tagged salts.</summary>
    public SaltTags Tags { get; }

    /// <summary>The number of salts of proven sessions; these are never forgotten.</summary>
    public int Proven
    {
        get
        {
            lock (_gate)
                return _proven.Count;
        }
    }

    /// <summary>The memory of a key's salts. The first call for each key takes about 60 ms.</summary>
    public static SaltMemory Of(XpraKey key)
        => s_perKey.Of(key);

    /// <summary>Forgets everything, as a process restart does; for tests.</summary>
    internal void Clear()
    {
        lock (_gate)
        {
            _proven = new SaltTable();
            _unproven = new UnprovenSalts();
            _serverSalts = new UnprovenSalts();
            _tagged.Clear();
        }
    }

    /// <summary>Loads this key's salt file from a folder and records new salts in it until the result is disposed of. Several users in this process share the file.</summary>
    /// <exception cref="XpraAesException">As <see cref="SaltJournal.Open"/>.</exception>
    public IDisposable PersistIn(string folder, ILogger log)
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
                        _tagged[trace] = time;
                    else
                        _proven.Add(trace);
                }
                journal.Rewrite(Records());
                _journals.Add(journal);
            }
            journal.Users++;
            return new JournalUse(this, journal);
        }
    }

    private void Release(SaltJournal journal)
    {
        lock (_gate)
        {
            if (--journal.Users > 0)
                return;
            _journals.Remove(journal);
            journal.Dispose();
        }
    }

    /// <summary>Checks the salt of a client's hello and marks it as used.</summary>
    /// <param name="salt">The salt, as passed to PBKDF2.</param>
    /// <param name="hello">The hello that announces it.</param>
    /// <param name="source">The client's address.</param>
    /// <param name="isProven">Whether that hello came encrypted, which proves that the client holds the key.</param>
    /// <param name="limits">For HelloAge and RememberedSalts.</param>
    /// <param name="now">The listener's clock.</param>
    /// <returns>Whether the salt shows that a key holder made this hello recently.</returns>
    /// <exception cref="XpraAesException">SaltReused, HelloAltered, HelloExpired.</exception>
    public bool ClaimClientSalt(ReadOnlySpan<byte> salt, XpraDictionary hello, IPAddress source, bool isProven, Limits limits, DateTimeOffset now)
    {
        if (salt.SequenceEqual(ProtocolDefaults.FirstPacketSalt))
            throw new XpraAesException(XpraErrorId.SaltReused, "The client asks for the fixed salt of an encrypted first packet.");
        var origin = Tags.OriginOf(salt);
        if (origin == SaltOrigin.Listener)
            throw new XpraAesException(XpraErrorId.SaltReused, "The client asks for a salt that a listener with this key announced: the client copied it, and may not have the key.");
        if (origin == SaltOrigin.Client)
            RequireFresh(salt, hello, limits, now);
        var trace = Tags.TraceOf(salt);
        lock (_gate)
        {
            if (IsKnown(trace))
                throw Reused("The client asks for a salt that was used before with this key: its hello is a replay.");
            if (origin == SaltOrigin.Client)
                RememberTagged(trace, now, limits);
            else if (isProven)
                RememberProven(trace);
            else
                _unproven.Add(trace, source, limits.RememberedSalts);
        }
        return origin == SaltOrigin.Client;
    }

    /// <summary>Records that the client with this salt holds the key; its salt is then remembered for as long as the key is in use.</summary>
    public void MarkProven(ReadOnlySpan<byte> salt)
    {
        var trace = Tags.TraceOf(salt);
        lock (_gate)
        {
            _unproven.Remove(trace);
            if (!_tagged.ContainsKey(trace))
                RememberProven(trace);
        }
    }

    /// <summary>Checks the salt that a server asks a client to encrypt with, and marks it as used.</summary>
    /// <param name="announced">The cipher that the server asks for.</param>
    /// <param name="own">The cipher that the client asked for in its hello.</param>
    /// <exception cref="XpraAesException">SaltReused, HelloAltered.</exception>
    public void ClaimServerSalt(CipherCapabilities announced, CipherParameters own)
    {
        var parameters = announced.Parameters;
        var salt = parameters.Salt.Span;
        if (salt.SequenceEqual(ProtocolDefaults.FirstPacketSalt))
            throw Reused("The server asks for the fixed salt of an encrypted first packet.");
        var origin = Tags.OriginOf(salt);
        if (origin == SaltOrigin.Client || salt.SequenceEqual(own.Salt.Span))
            throw Reused("The server echoes a client's salt: both directions would use the same key.");
        if (origin == SaltOrigin.Listener && !Tags.IsAnswerTo(salt, own.Salt.Span, parameters, announced.HasStream ? parameters.Stream : null))
            throw Altered("The answer belongs to another XpraAes listener or session, or was changed in transit.");
        var trace = Tags.TraceOf(salt);
        lock (_gate)
        {
            if (IsKnown(trace))
                throw Reused("The server asks for a salt that was used before with this key.");
            _serverSalts.Add(trace, IPAddress.None, MaxServerSalts);
        }
    }

    // Keyed with a random value, so that neither the key data nor a guessable hash of it stays in memory.
    private void RequireFresh(ReadOnlySpan<byte> salt, XpraDictionary hello, Limits limits, DateTimeOffset now)
    {
        if (!IsBoundTo(salt, hello))
            throw Altered("The client's hello was changed in transit, or its salt belongs to another hello.");
        var age = now - SaltTags.TimeOf(salt);
        if (age.Duration() > limits.HelloAge)
        {
            throw new XpraAesException(XpraErrorId.HelloExpired,
                $"The client's hello is dated {age.Duration():d\\.hh\\:mm\\:ss} {(age < TimeSpan.Zero ? "ahead of" : "behind")} this machine's clock: it is an old one that was replayed, or the clocks differ.",
                $"Set the clocks of both machines; a difference of {limits.HelloAge} is allowed (-Limit @{{ HelloAge = … }}).");
        }
    }

    private bool IsBoundTo(ReadOnlySpan<byte> salt, XpraDictionary hello)
    {
        try
        {
            return Tags.IsBoundTo(salt, hello);
        }
        catch (Exception e) when (e is XpraAesException or ArgumentException or OverflowException)
        {
            // It holds values that rencode cannot encode; XpraAes clients do not send any.
            return false;
        }
    }

    private bool IsKnown(UInt128 trace)
        => _proven.Contains(trace) || _unproven.Contains(trace) || _tagged.ContainsKey(trace) || _serverSalts.Contains(trace);

    private void RememberProven(UInt128 trace)
    {
        if (_proven.Add(trace))
            Append(trace, null);
    }

    private void RememberTagged(UInt128 trace, DateTimeOffset now, Limits limits)
    {
        // Older hellos are refused by their date. Twice the age, since the client's clock may be ahead by as much.
        var expires = now + 2 * limits.HelloAge;
        if (_tagged.Count >= _taggedBeforeCleanup)
        {
            foreach (var (old, time) in _tagged)
            {
                if (time < now)
                    _tagged.Remove(old);
            }
            _taggedBeforeCleanup = Math.Max(1024, 2 * _tagged.Count);
        }
        _tagged[trace] = expires;
        Append(trace, expires);
    }

    private void Append(UInt128 trace, DateTimeOffset? expires)
    {
        foreach (var journal in _journals)
        {
            journal.Append(trace, expires);
            if (journal.IsDueForCompaction(_proven.Count + _tagged.Count))
                journal.Rewrite(Records());
        }
    }

    private IEnumerable<(UInt128 Trace, DateTimeOffset? Expires)> Records()
        => _proven.Traces.Select(trace => (trace, (DateTimeOffset?)null)).Concat(_tagged.Select(salt => (salt.Key, (DateTimeOffset?)salt.Value)));

    private static XpraAesException Reused(string message)
        => new(XpraErrorId.SaltReused, message, "This may be an attack on the connection: see SECURITY.md. Connect again; if it happens again, replace the key.");

    private static XpraAesException Altered(string message)
        => new(XpraErrorId.HelloAltered, message, "This may be an attack on the connection: see SECURITY.md. Connect again, over another network if possible.");

    private sealed class JournalUse(SaltMemory memory, SaltJournal journal) : IDisposable
    {
        private SaltJournal? _journal = journal;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _journal, null) is { } used)
                memory.Release(used);
        }
    }
}
