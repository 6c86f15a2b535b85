namespace XpraAes.Listening;

/// <summary>Lets few PBKDF2 derivations run at a time, off the loops that move packets: strangers can ask for them.</summary>
internal sealed class DerivationGate(int concurrency) : IDisposable
{
    private readonly SemaphoreSlim _slots = new(concurrency, concurrency);

    /// <summary>Runs a derivation when its turn comes.</summary>
    public async Task<T> RunAsync<T>(Func<T> derivation, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(derivation, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _slots.Release();
        }
    }

    public void Dispose() => _slots.Dispose();
}
