using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

public sealed class TransitBuffersTests
{
    [Theory]
    [InlineData(1, 4096)]
    [InlineData(4096, 4096)]
    [InlineData(4097, 8192)]
    [InlineData(1024 * 1024, 1024 * 1024)]
    [InlineData(1024 * 1024 + 1, 2 * 1024 * 1024)]
    [InlineData(4 * 1024 * 1024, 4 * 1024 * 1024)]
    [InlineData(4 * 1024 * 1024 + 1, 4 * 1024 * 1024 + 1)]
    public void A_buffer_has_room_and_is_no_larger_than_twice_that(int size, int length)
    {
        var buffer = TransitBuffers.Rent(size);
        Assert.Equal(length, buffer.Length);
        TransitBuffers.Return(buffer);
    }

    [Fact]
    public async Task No_buffer_is_rented_twice_at_a_time()
    {
        await Task.WhenAll(Enumerable.Range(1, 8).Select(mark => Task.Run(() =>
        {
            for (var round = 0; round < 2000; round++)
            {
                // More at a time than are kept in front of the shared pool.
                var buffers = Enumerable.Range(0, 5).Select(_ => TransitBuffers.Rent(4096)).ToArray();
                Array.ForEach(buffers, buffer => buffer.AsSpan().Fill((byte)mark));
                Assert.All(buffers, buffer => Assert.Equal(-1, buffer.AsSpan().IndexOfAnyExcept((byte)mark)));
                Array.ForEach(buffers, TransitBuffers.Return);
            }
        })));
    }

    [Fact]
    public async Task A_buffer_returned_by_one_thread_is_reused_by_another()
    {
        // Rented and returned on different threads, as in a session's loops.
        const int Size = 1024 * 1024;
        var allocated = new List<long>();
        for (var round = 0; round < 20; round++)
        {
            await Task.Factory.StartNew(() =>
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                TransitBuffers.Return(TransitBuffers.Rent(Size));
                allocated.Add(GC.GetAllocatedBytesForCurrentThread() - before);
            }, TaskCreationOptions.LongRunning);
        }
        // Other tests in this process may rent some too.
        Assert.InRange(allocated.Count(bytes => bytes >= Size), 0, 10);
    }
}
