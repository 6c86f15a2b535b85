using System.Text;
using XpraAes.Transports;

namespace XpraAes.Fuzz.Targets;

/// <summary>HTTP requests and answers that become websockets, and the frames after them.</summary>
internal static class WebSocketTargets
{
    /// <summary>What breaks off a websocket. Which of them it is may depend on how much of a peer's first words has come; that it breaks off, and after what, may not.</summary>
    private static readonly XpraErrorId[] s_failures =
    [
        XpraErrorId.MalformedPacket, XpraErrorId.ConnectionLost, XpraErrorId.PeerIsHttp, XpraErrorId.PeerIsTls, XpraErrorId.PeerIsSsh, XpraErrorId.PeerIsRfb,
        XpraErrorId.PeerSentText, XpraErrorId.NotXpra,
    ];

    /// <summary>A server answers a request once and shortly, or not at all; the same in pieces.</summary>
    public static void Upgrade(byte[] input)
        => Compare(input, (content, seed) =>
        {
            var stream = new PiecesStream(content, seed);
            var outcome = Outcome(() => Done(WebSocketUpgrade.AcceptAsync(stream, default, content.Length % 2 == 0 ? ["http://x"] : [], default)));
            var answer = Encoding.ASCII.GetString(stream.Written.ToArray());
            Expect.That(answer.Length == 0 || answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal), "It answers HTTP with something else.");
            return $"{outcome} {answer}";
        });

    /// <summary>A client takes no answer for an upgrade that does not belong to its request; the same in pieces.</summary>
    public static void Upgraded(byte[] input)
        => Compare(input, (content, seed) =>
        {
            var outcome = Outcome(() => Done(WebSocketUpgrade.ConnectAsync(new PiecesStream(content, seed), "localhost", 10000, "/", default)));
            Expect.Same(" failed", outcome, "An answer to no request is accepted");
            return outcome;
        });

    /// <summary>Payload, answers and end are the same wherever the network cuts the frames; and what is sent in frames comes back.</summary>
    public static void Frames(byte[] input)
    {
        Compare(input, (content, seed) =>
        {
            var stream = new PiecesStream(content, seed);
            var outcome = Outcome(() => new WebSocketStream(stream, masks: false));
            Expect.That(stream.Written.Length <= 2 * content.Length, "It answers with more than it was sent.");
            return $"{outcome} {Convert.ToHexString(stream.Written.ToArray())}";
        });
        if (input.Length == 0)
            return;
        var sent = new PiecesStream(default);
        var writer = new WebSocketStream(sent, masks: true);
        writer.Write(input, 0, input.Length);
        var received = Outcome(() => new WebSocketStream(new PiecesStream(sent.Written.ToArray(), input[0]), masks: false));
        Expect.Same($"{Convert.ToHexString(input)} end", received, "What was sent in frames comes back as something else");
    }

    private static void Compare(byte[] input, Func<ReadOnlyMemory<byte>, int, string> run)
        => Expect.Same(run(input, 0), run(input, input.Length + 1), "The same bytes in pieces are something else");

    /// <summary>All that comes out of a websocket, and how it ended.</summary>
    private static string Outcome(Func<WebSocketStream> open)
    {
        var content = new MemoryStream();
        var buffer = new byte[1024];
        try
        {
            var stream = open();
            while (stream.Read(buffer, 0, buffer.Length) is var count and > 0)
                content.Write(buffer, 0, count);
            return $"{Convert.ToHexString(content.ToArray())} end";
        }
        catch (XpraAesException e) when (s_failures.Contains(e.Id))
        {
            return $"{Convert.ToHexString(content.ToArray())} failed";
        }
    }

    private static T Done<T>(Task<T> task)
    {
        Expect.That(task.IsCompleted, "It waits for bytes although the stream has ended.");
        return task.GetAwaiter().GetResult();
    }
}
