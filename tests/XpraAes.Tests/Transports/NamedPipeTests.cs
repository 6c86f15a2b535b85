using System.IO.Pipes;
using XpraAes.Transports;

namespace XpraAes.Tests.Transports;

/// <summary>Names, and the listening end, which .NET has on every system; that xpra's pipes are Windows' alone, WindowsTests shows what they do there.</summary>
public sealed class NamedPipeTests
{
    private readonly string _name = $"xpra-test-{Guid.NewGuid():N}";

    [Theory]
    [InlineData("office", "office")]
    [InlineData(@"Xpra\office", "office")]
    [InlineData(@"\\.\pipe\Xpra\office", "office")]
    [InlineData(@"\\.\PIPE\xpra\Ada_1.2-x", "Ada_1.2-x")]
    public void A_name_may_have_before_it_what_xpra_puts_there(string text, string name)
    {
        Assert.Equal(name, NamedPipeTransport.NameIn(text));
        Assert.Equal($@"\\.\pipe\Xpra\{name}", NamedPipeTransport.PathOf(name));
    }

    [Theory]
    [InlineData("")]
    [InlineData(@"Xpra\")]
    [InlineData("..")]
    [InlineData(@"..\lsass")]
    [InlineData(@"Xpra\..\lsass")]
    [InlineData(@"Xpra\Xpra\office")]
    [InlineData(@"\\server\pipe\Xpra\office")]
    [InlineData(@"\\.\C:\office")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("a\nb")]
    [InlineData("caf\u00e9")]
    public void A_name_leads_nowhere_else(string text) => Assert.Null(NamedPipeTransport.NameIn(text));

    [Fact]
    public void A_name_has_a_bound()
    {
        Assert.NotNull(NamedPipeTransport.NameIn(new string('x', 200)));
        Assert.Null(NamedPipeTransport.NameIn(new string('x', 201)));
    }

    [Fact]
    public async Task Elsewhere_both_ends_are_refused_with_what_to_use_instead()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "They work there.");
        var listening = Assert.Throws<XpraAesException>(() => NamedPipeTransport.Listen("office"));
        Assert.Equal(XpraErrorId.InvalidOption, listening.Id);
        Assert.Contains("-LocalSocket", listening.RecommendedAction, StringComparison.Ordinal);
        var connecting = await Assert.ThrowsAsync<XpraAesException>(() => TransportTable.ConnectAsync(new XpraEndpoint(TransportKind.NamedPipe, "", 0, "office"), [], TimeSpan.FromSeconds(1), Limits.Default, default));
        Assert.Equal(XpraErrorId.InvalidOption, connecting.Id);
        Assert.Contains("socket:///", connecting.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clients_are_accepted_one_after_the_other_and_the_pipe_is_never_without_an_instance()
    {
        using var listening = Listen();
        for (byte number = 0; number < 5; number++)
        {
            var accepting = listening.AcceptClientAsync(default).AsTask();
            await using var client = await ConnectAsync();
            using var accepted = await accepting;
            // The next instance exists before this one is handed over.
            await using var next = await ConnectAsync();
            await client.WriteAsync(new[] { number });
            var stream = await accepted.AcceptAsync(new AcceptOptions { Timeout = TimeSpan.FromSeconds(10) }, default);
            var read = new byte[1];
            await stream!.ReadExactlyAsync(read);
            Assert.Equal(number, read[0]);
            Assert.Equal(("local pipe", System.Net.IPAddress.None), (accepted.Peer, accepted.Source));
            (await listening.AcceptClientAsync(default)).Dispose();
        }
    }

    [Fact]
    public async Task Its_end_ends_the_waiting_and_leaves_the_clients_alone()
    {
        var listening = Listen();
        var accepting = listening.AcceptClientAsync(default).AsTask();
        await using var client = await ConnectAsync();
        using var accepted = await accepting;
        var waiting = listening.AcceptClientAsync(default).AsTask();
        listening.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => listening.AcceptClientAsync(default).AsTask());
        await accepted.Stream.WriteAsync(new byte[] { 9 });
        var read = new byte[1];
        await client.ReadExactlyAsync(read);
        Assert.Equal(9, read[0]);
    }

    private ListeningPipe Listen() => new(new XpraEndpoint(TransportKind.NamedPipe, "", 0, _name), _name);

    private async Task<NamedPipeClientStream> ConnectAsync()
    {
        NamedPipeClientStream client = new(".", _name, PipeDirection.InOut, PipeOptions.Asynchronous);
        await client.ConnectAsync(10_000);
        return client;
    }
}
