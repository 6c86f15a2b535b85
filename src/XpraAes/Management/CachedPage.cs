namespace XpraAes.Management;

/// <summary>A page that is made at most once a second, whoever asks.</summary>
internal sealed class CachedPage(Func<Task<byte[]>> make, TimeProvider clock) : IDisposable
{
    /// <summary>How long it is given to everyone who asks; arbitrary.</summary>
    private static readonly TimeSpan s_kept = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _making = new(1, 1);
    private byte[]? _page;
    private long _madeAt;

    public async Task<byte[]> GetAsync(CancellationToken cancellationToken)
    {
        await _making.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_page is not null && clock.GetElapsedTime(_madeAt) < s_kept)
                return _page;
            var page = await make().ConfigureAwait(false);
            (_page, _madeAt) = (page, clock.GetTimestamp());
            return page;
        }
        finally
        {
            _making.Release();
        }
    }

    public void Dispose() => _making.Dispose();
}
