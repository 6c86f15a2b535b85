using System.Text;
using XpraAes.Keys;
using Xunit;

namespace XpraAes.Tests.Keys;

public sealed class SecretBufferTests
{
    [Fact]
    public void Dispose_zeroes_the_bytes()
    {
        var buffer = new SecretBuffer([1, 2, 3]);
        byte[] bytes = buffer.Array;
        Assert.Equal([1, 2, 3], bytes);
        buffer.Dispose();
        Assert.Equal([0, 0, 0], bytes);
    }

    [Fact]
    public void A_disposed_buffer_cannot_be_used()
    {
        var buffer = new SecretBuffer([1, 2, 3]);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Length);
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
        Assert.Throws<ObjectDisposedException>(buffer.Clone);
        Assert.Equal("SecretBuffer (disposed)", buffer.ToString());
    }

    [Fact]
    public void A_clone_has_its_own_lifetime()
    {
        var buffer = new SecretBuffer([1, 2, 3]);
        using var clone = buffer.Clone();
        buffer.Dispose();
        Assert.Equal([1, 2, 3], clone.Span.ToArray());
    }

    [Fact]
    public void A_buffer_copies_what_it_is_given()
    {
        byte[] bytes = [1, 2, 3];
        using var buffer = new SecretBuffer(bytes);
        bytes[0] = 9;
        Assert.Equal([1, 2, 3], buffer.Span.ToArray());
    }

    [Fact]
    public void A_new_buffer_is_zero_and_can_be_written()
    {
        using var buffer = new SecretBuffer(4096);
        Assert.Equal(new byte[4096], buffer.Span.ToArray());
        buffer.Span.Fill(7);
        Assert.Equal(Enumerable.Repeat((byte)7, 4096), buffer.Span.ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("secret")]
    [InlineData("schlüssel €𝄞")]
    public void Text_becomes_UTF8_without_a_byte_order_mark(string text)
    {
        using var buffer = SecretBuffer.FromUtf8(text);
        Assert.Equal(Encoding.UTF8.GetBytes(text), buffer.Span.ToArray());
    }

    [Fact]
    public void Broken_text_is_refused() => Assert.Throws<EncoderFallbackException>(() => SecretBuffer.FromUtf8("a\ud800"));

    [Fact]
    public void ToString_shows_only_the_length()
    {
        using var buffer = SecretBuffer.FromUtf8("secret");
        Assert.Equal("SecretBuffer (6 bytes)", buffer.ToString());
    }

    [Fact]
    public void Its_memory_does_not_move()
    {
        using var buffer = new SecretBuffer([1, 2, 3]);
        nint before = Address(buffer);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Assert.Equal(before, Address(buffer));

        static nint Address(SecretBuffer buffer) => System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(buffer.Array, 0);
    }
}
