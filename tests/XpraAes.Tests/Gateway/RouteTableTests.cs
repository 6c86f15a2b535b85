using XpraAes.Encodings;
using XpraAes.Gateway;
using XpraAes.Transports;

namespace XpraAes.Tests.Gateway;

/// <summary>Which route a client's session takes.</summary>
public sealed class RouteTableTests
{
    private const string KeyOfAda = "0123-4567-89ab-cdef", KeyOfBob = "fedc-ba98-7654-3210", Bind = "127.0.0.1:10000";

    private static readonly string[] s_names =
    [
        "glxgears", "dev-*", "dev-web-*", "dev-web-1", "*", "ada/*", "ada/dev-*", "ada/mail", "bob/glxgears", "100",
        $"key:{KeyOfAda}/*", $"key:{KeyOfAda}/mail", $"key:{KeyOfBob}/mail", $"bind:{Bind}/mail", $"bind:{Bind}/kiosk-*",
    ];

    private static readonly RouteTable s_table = Table(s_names);

    [Theory]
    [InlineData("eve", "glxgears", null, "glxgears")]
    [InlineData("eve", "Glxgears", null, "*")] // case counts
    [InlineData("eve", "glxgears2", null, "*")] // an exact name is no pattern
    [InlineData("eve", "dev-web-1", null, "dev-web-1")] // exact before patterns
    [InlineData("eve", "dev-web-2", null, "dev-web-*")] // the longest pattern
    [InlineData("eve", "dev-db", null, "dev-*")]
    [InlineData("eve", "dev-", null, "dev-*")]
    [InlineData("eve", "dev", null, "*")]
    [InlineData("eve", "", null, "*")]
    [InlineData("ada", "", null, "ada/*")]
    [InlineData("ada", "anything", null, "ada/*")]
    [InlineData("ada", "glxgears", null, "glxgears")] // exact before patterns, whoever's
    [InlineData("ada", "dev-web-2", null, "dev-web-*")] // longer before the user's
    [InlineData("ada", "dev-db", null, "ada/dev-*")] // of the same length, the user's
    [InlineData("Ada", "mail", null, "bind:127.0.0.1:10000/mail")]
    [InlineData("ada", "mail", null, "ada/mail")] // the user's before the bind's
    [InlineData("ada", "mail", KeyOfAda, "key:0123-4567-89ab-cdef/mail")] // the key's before the user's
    [InlineData("ada", "mail", KeyOfBob, "key:fedc-ba98-7654-3210/mail")]
    [InlineData("bob", "glxgears", KeyOfAda, "bob/glxgears")]
    [InlineData("eve", "nothing", KeyOfAda, "key:0123-4567-89ab-cdef/*")]
    [InlineData("eve", "nothing", KeyOfBob, "*")]
    [InlineData("eve", "kiosk-1", null, "bind:127.0.0.1:10000/kiosk-*")]
    [InlineData("eve", ":100", null, "100")] // clients up to 4.x write a number so
    [InlineData("eve", ":100.0", null, "*")]
    [InlineData(null, "mail", null, "bind:127.0.0.1:10000/mail")]
    public void The_closest_route_is_taken(string? user, string session, string? key, string expected)
        => Assert.Equal(expected, s_table.Find(Request(user, session, key)!.Value)!.Name);

    /// <summary>What a client says is compared with the parts of a route, and never read as a route itself.</summary>
    [Theory]
    [InlineData("eve", "ada/mail")]
    [InlineData("eve", "ada/*")]
    [InlineData("eve", "*")]
    [InlineData("eve", "dev-*x")]
    [InlineData("ada/mail", "mail")]
    [InlineData("*", "mail")]
    [InlineData("key:0123-4567-89ab-cdef", "mail")]
    [InlineData("key:0123-4567-89ab-cdef/mail", "mail")]
    [InlineData("bind:127.0.0.1:10000", "mail")]
    [InlineData("", "mail")]
    [InlineData("eve", "../mail")]
    [InlineData("eve", "x/../mail")]
    [InlineData("eve", "./mail")]
    [InlineData("eve", "/mail")]
    [InlineData("eve", "mail/")]
    [InlineData("eve", "mail ")]
    [InlineData("eve", "mail\0")]
    [InlineData("eve", "mail\n")]
    [InlineData("eve", "MAIL")]
    [InlineData("eve", "m\u0430il")] // a Cyrillic letter
    [InlineData("eve", "\uff4dail")] // fullwidth
    [InlineData("eve", "ma\u0131l")] // dotless
    [InlineData("eve", "mai\u200bl")]
    [InlineData("eve", "%6dail")]
    [InlineData("eve", "mail\ud800")]
    [InlineData("ada ", "mail")]
    [InlineData("ADA", "mail")]
    [InlineData("\u0430da", "mail")]
    [InlineData("ada\0", "mail")]
    public void Nobody_gets_somewhere_by_a_name_that_only_looks_right(string user, string session)
    {
        var table = Table("ada/mail", "ada/dev-*", $"key:{KeyOfAda}/mail", "bind:0.0.0.0:1/mail");
        Assert.Null(Request(user, session, KeyOfBob) is { } request ? table.Find(request) : null);
        Assert.NotNull(table.Find(Request("ada", "mail", KeyOfBob)!.Value));
    }

    [Fact]
    public void A_composed_and_a_decomposed_letter_are_two_names()
    {
        var table = Table("caf\u00e9");
        Assert.NotNull(table.Find(Request(null, "caf\u00e9", null)!.Value));
        Assert.Null(table.Find(Request(null, "cafe\u0301", null)!.Value));
    }

    [Theory]
    [InlineData(255, true)]
    [InlineData(256, false)]
    [InlineData(4096, false)]
    public void A_long_name_is_none(int length, bool isName)
    {
        Assert.Equal(isName, Request(null, new string('x', length), null) is not null);
        var user = Request(new string('x', length), "mail", null)!.Value.User;
        Assert.Equal(isName, user is not null);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/mail")]
    [InlineData("ada/")]
    [InlineData("a/b/c")]
    [InlineData("*/mail")]
    [InlineData("a*b")]
    [InlineData("**")]
    [InlineData("a*/mail")]
    [InlineData(" mail")]
    [InlineData("mail ")]
    [InlineData("ada /mail")]
    [InlineData("ada/ mail")]
    [InlineData("ma\til")]
    [InlineData("ma\u200bil")]
    [InlineData("ma\u202eil")]
    [InlineData("ma\u2028il")]
    [InlineData("mail\ud800")]
    [InlineData("key:/mail")]
    [InlineData("key:0123/mail")]
    [InlineData("key:0123-4567-89ab-cdeg/mail")]
    [InlineData("key:0123:4567:89ab:cdef/mail")]
    [InlineData("bind:/mail")]
    public void What_is_no_route_is_refused(string name)
    {
        var failure = Assert.Throws<XpraAesException>(() => Table(name));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
        Assert.False(failure.Message.Any(c => char.IsControl(c)), failure.Message);
        Assert.Throws<XpraAesException>(() => Table(new string('x', 256)));
        Assert.Throws<XpraAesException>(() => Table(new string('x', 256) + "/mail"));
    }

    [Theory]
    [InlineData("mail", "mail")]
    [InlineData(":100", "100")]
    [InlineData("key:0123-4567-89AB-CDEF/*", "key:0123-4567-89ab-cdef/*")]
    public void One_name_has_one_route(string one, string other)
    {
        var failure = Assert.Throws<XpraAesException>(() => Table(one, other));
        Assert.Equal(XpraErrorId.InvalidOption, failure.Id);
    }

    [Fact]
    public void A_route_needs_a_target()
        => Assert.Equal(XpraErrorId.InvalidOption, Assert.Throws<XpraAesException>(() => new RouteTable([new RouteOptions { Name = "mail", Targets = [] }])).Id);

    [Theory]
    [InlineData("*", false)]
    [InlineData("key:0123-4567-89ab-cdef/*", false)]
    [InlineData("bind:127.0.0.1:10000/*", false)]
    [InlineData("m*", true)]
    [InlineData("mail", true)]
    [InlineData("ada/*", true)]
    [InlineData("key:0123-4567-89ab-cdef/mail", true)]
    [InlineData("bind:127.0.0.1:10000/m*", true)]
    public void What_depends_on_the_hello_needs_a_proof_first(string name, bool depends)
        => Assert.Equal(depends, Table("bind:0.0.0.0:1/*", name).DependsOnHello);

    /// <summary>The forms of PROTOCOL section 15.</summary>
    [Fact]
    public void The_session_is_read_as_each_generation_writes_it()
    {
        static string? Of(XpraDictionary hello, string? path = null) => RouteRequest.Read(hello, path, null, Bind)?.Session;
        var screen = new XpraDictionary { ["desktop_size"] = new object?[] { 800L, 600L } };
        Assert.Equal("mail", Of(new XpraDictionary { ["display"] = "mail" })); // 3.1, 4.4
        Assert.Equal("mail", Of(new XpraDictionary { ["display"] = "mail"u8.ToArray() })); // in rencode
        Assert.Equal("mail", Of(new XpraDictionary { ["session"] = new XpraDictionary { ["display"] = "mail" }, ["display"] = screen })); // 6.5
        Assert.Equal("mail", Of(new XpraDictionary { ["display"] = screen }, "/mail")); // 5.1 to 6.2 by ws://, and browsers
        Assert.Equal("mail", Of([], "/mail/"));
        Assert.Equal("mail", Of([], "/mail/index.html"));
        Assert.Equal("mail", Of([], "/mail?username=ada"));
        Assert.Equal("my mail", Of([], "/my%20mail"));
        Assert.Equal("", Of([], "/"));
        Assert.Equal("", Of([], "/index.html"));
        Assert.Equal("", Of([], "/index.html?path=x"));
        Assert.Equal("", Of(new XpraDictionary { ["display"] = screen }));
        Assert.Equal("mail", Of(new XpraDictionary { ["display"] = "mail" }, "/other")); // what is encrypted counts
        Assert.Null(Of([], "/ma%00il"));
        Assert.Equal("", Of(new XpraDictionary { ["display"] = new object?[] { "mail" }, ["session"] = "mail" }));
        Assert.Equal("", Of(new XpraDictionary { ["display"] = new byte[] { 0xff, 0xfe } }));
    }

    /// <summary>Lookup takes as many probes with 100,000 routes as with one: it does not go through them.</summary>
    [Fact]
    public void Any_of_many_routes_is_found()
    {
        var table = Table([.. Enumerable.Range(0, 20_000).Select(i => $"s{i}"), .. Enumerable.Range(0, 20_000).Select(i => $"user{i}/*"), "*"]);
        Assert.Equal("s19999", table.Find(Request("user7", "s19999", null)!.Value)!.Name);
        Assert.Equal("user19999/*", table.Find(Request("user19999", "s20000", null)!.Value)!.Name);
        Assert.Equal("*", table.Find(Request("user20000", "s20000", null)!.Value)!.Name);
    }

    private static RouteTable Table(params string[] names) => new([.. names.Select(name => new RouteOptions
    {
        Name = name,
        Targets = [new TargetOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", 1) }],
    })]);

    private static RouteRequest? Request(string? user, string session, string? key)
    {
        var hello = new XpraDictionary { ["display"] = session };
        if (user is not null)
            hello["username"] = user;
        return RouteRequest.Read(hello, null, key, Bind);
    }
}
