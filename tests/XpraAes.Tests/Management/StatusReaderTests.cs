using System.Text;
using XpraAes.Management;

namespace XpraAes.Tests.Management;

/// <summary>What another process says about itself, true or not.</summary>
public sealed class StatusReaderTests
{
    [Fact]
    public void What_was_written_is_read_the_same()
    {
        var status = ProcessStatus.ReadAll() with
        {
            Listeners = [new ListenerStatus { Id = 1, Port = 10000, State = "listening", Sessions = 2, Accepted = 3, BytesIn = 4, BytesOut = 5, Refusals = new Dictionary<string, long> { ["KeyMismatch"] = 6 }, Endpoints = ["0.0.0.0:10000"], Target = "socket:///run/xpra" }],
            Sessions = [new SessionStatus { Id = 7, State = "open", Direction = "Inbound", Endpoint = "tcp://0.0.0.0:10000/", Peer = "192.0.2.7:1", UserName = "日本\n😀", Route = "*", Target = "x", Transport = "tcp", SendCipher = "AES-CTR", ReceiveCipher = "AES-CBC", Opened = DateTime.UtcNow, Latency = 1.25, BytesIn = 1, BytesOut = 2, PacketsIn = 3, PacketsOut = 4 }],
        };
        var read = StatusReader.Read(status.ToJson())!;
        Assert.Equal(status.ToJson(), read.ToJson());
        Assert.Equal((status.Uptime, status.Started, "日本\n😀", 6L), (read.Uptime, read.Started, read.Sessions![0].UserName, read.Listeners[0].Refusals["KeyMismatch"]));
    }

    /// <summary>A later version may say more, and say less of what this one shows.</summary>
    [Fact]
    public void What_is_unknown_is_left_out_and_what_is_missing_is_empty()
    {
        var read = Read("""{"Format":1,"New":{"a":[1]},"Listeners":[{"New":1}],"Sessions":[{"Id":3,"New":[]}]}""")!;
        Assert.Equal(("", "", "", 0L), (read.Sessions![0].Peer, read.Sessions[0].State, read.Listeners[0].State, read.Listeners[0].BytesIn));
        Assert.Empty(read.Listeners[0].Refusals);
        Assert.Empty(Read("""{"Format":1}""")!.Listeners);
        Assert.Null(Read("""{"Format":1}""")!.Sessions);
    }

    [Fact]
    public void Null_is_nothing()
    {
        var read = Read("""{"Format":1,"Listeners":[null,{"State":null,"Refusals":null,"Endpoints":[null]}],"Sessions":[null,{"Id":1,"State":null,"Peer":null,"Transport":null,"SendCipher":null,"Direction":null,"Endpoint":null}]}""")!;
        Assert.Equal(["", "", "", ""], new[] { read.Sessions![0].Peer, read.Sessions[0].SendCipher, read.Listeners[0].State, read.Sessions[0].Direction });
        Assert.Empty(Assert.Single(read.Listeners).Endpoints!);
        Assert.Empty(Read("""{"Format":1,"Listeners":null,"Sessions":null}""")!.Listeners);
    }

    [Fact]
    public void Numbers_are_such_that_they_can_be_added_up_and_shown()
    {
        var read = Read("""
            {"Format":1,"Uptime":9223372036854775807,"Memory":-5,"DerivationsRunning":-1,"Listeners":[{"Sessions":2147483647,"BytesIn":9223372036854775807,"BytesOut":-9223372036854775808,"Refusals":{"X":-1}}],
            "Sessions":[{"Id":1,"Latency":1e308,"BytesIn":9223372036854775807},{"Id":2,"Latency":-1,"PacketsIn":-3},{"Id":2}]}
            """)!;
        Assert.True(TimeSpan.FromMilliseconds(read.Uptime) > TimeSpan.Zero);
        Assert.Equal((0L, 0, 0L, 0L), (read.Memory, read.DerivationsRunning, read.Listeners[0].BytesOut, read.Listeners[0].Refusals["X"]));
        Assert.InRange(read.Listeners[0].BytesIn, 1, long.MaxValue / 100);
        Assert.InRange(read.Listeners[0].Sessions, 1, int.MaxValue / 1000);
        Assert.Equal([TimeSpan.FromDays(1).TotalMilliseconds, 0], read.Sessions!.Select(session => session.Latency!.Value));
        Assert.Equal(0, read.Sessions![1].PacketsIn);
    }

    [Fact]
    public void Long_texts_are_cut_at_a_character()
    {
        var session = Read($$"""{"Format":1,"Sessions":[{"Peer":"{{new string('x', 511)}}😀😀","UserName":"{{new string('y', 100_000)}}"}]}""")!.Sessions![0];
        Assert.Equal((new string('x', 511), 512), (session.Peer, session.UserName!.Length));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"Format":"1"}""")]
    [InlineData("""{"Format":1""")]
    [InlineData("""{"Format":1} {"Format":1}""")]
    [InlineData("""{"Format":1,"Sessions":{}}""")]
    [InlineData("""{"Format":1,"Time":"yesterday"}""")]
    [InlineData("""{"Format":1,"Sessions":[{"Id":99999999999}]}""")]
    [InlineData("""{"Format":1,"Sessions":[{"Peer":"\ud800"}]}""")]
    [InlineData("""{"Format":1,"Sessions":[{"Ciphers":[{"\udc00":1}]}]}""")]
    [InlineData("""{"Format":1,"New":[[[[[[[[[[[[1]]]]]]]]]]]]}""")]
    [InlineData("{\"Format\":1,\"Sessions\":[{\"Peer\":\"\u00ff\"}]}")] // not UTF-8, as it is sent below
    public void Anything_else_is_no_status(string json) => Assert.Null(StatusReader.Read(Encoding.Latin1.GetBytes(json)));

    /// <summary>16 MB of text must not become gigabytes of objects.</summary>
    [Fact]
    public void Too_many_objects_are_no_status()
    {
        Assert.Null(Read($$"""{"Format":1,"Sessions":[{{string.Join(',', Enumerable.Repeat("{}", 1_500_000))}}]}"""));
        Assert.Null(Read($$"""{"Format":1,"Sessions":[{{string.Join(',', Enumerable.Range(0, StatusReader.MaxSessions + 1).Select(id => $$"""{"Id":{{id}}}"""))}}]}"""));
        var causes = string.Join(',', Enumerable.Range(0, 10_000).Select(id => $"\"{id}\":1"));
        Assert.InRange(Read("{\"Format\":1,\"Listeners\":[{\"Refusals\":{" + causes + "}}]}")!.Listeners[0].Refusals.Count, 1, 200);
    }

    private static ProcessStatus? Read(string json) => StatusReader.Read(Encoding.UTF8.GetBytes(json));
}
