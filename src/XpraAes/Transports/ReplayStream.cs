namespace XpraAes.Transports;

/// <summary>A stream whose first bytes have been read already, to find out what it carries: they are read again.</summary>
internal sealed class ReplayStream(Stream inner, ReadOnlyMemory<byte> first) : LayeredStream(inner)
{
    public override TransportKind Transport => TransportTable.KindOf(Inner) ?? TransportKind.Tcp;

    private ReadOnlyMemory<byte> _rest = first;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_rest.IsEmpty)
            return Inner.ReadAsync(buffer, cancellationToken);
        var count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return ValueTask.FromResult(count);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Inner.WriteAsync(buffer, cancellationToken);

    public override ValueTask CloseSendAsync(CancellationToken cancellationToken) => CloseSendAsync(Inner, cancellationToken);
}
