using XpraAes.Connections;
using XpraAes.Keys;
using XpraAes.Listening;
using XpraAes.Management;
using XpraAes.Transports;

namespace XpraAes.Fuzz.Targets;

/// <summary>What people and peers write as text: URIs, bind options, keys, a peer's first bytes.</summary>
internal static class TextTargets
{
    /// <summary>Key data shorter than this may stand in a message by chance.</summary>
    private const int MinSecret = 12;

    /// <summary>The first bytes of whatever speaks on that port.</summary>
    public static void Greeting(byte[] input)
    {
        var described = PeerIdentification.Describe(input);
        Expect.That(described.Message.Length < 500 && described.Message.All(c => c is >= ' ' and < (char)0x7f), "Text from an unauthenticated peer is shown unsanitized.");
        var text = PeerIdentification.Sanitize(FuzzTarget.Text(input));
        Expect.That(text.Length <= 203 && !text.Any(c => char.IsControl(c) || char.IsSurrogate(c)), "A peer's text is shown as it came.");
    }

    /// <summary>What is read of another process' status has numbers that can be added up and shown, and is the same once it was written.</summary>
    public static void Status(byte[] input)
    {
        if (StatusReader.Read(input) is not { } status)
            return;
        _ = TimeSpan.FromMilliseconds(status.Uptime);
        foreach (var session in status.Sessions ?? [])
        {
            Expect.That(session is { BytesIn: >= 0, BytesOut: >= 0, PacketsIn: >= 0, PacketsOut: >= 0, Latency: null or (>= 0 and < 1e9) }, "A number is not what it could be.");
            Expect.That(session.Peer.Length <= 512 && session.UserName is null or { Length: <= 512 }, "A text was not cut.");
        }
        var json = status.ToJson();
        Expect.Same(FuzzTarget.Text(json), FuzzTarget.Text(StatusReader.Read(json)?.ToJson() ?? []), "What was read is another status once it was written");
    }

    /// <summary>A URI that is read is written so that it is read the same; no message has a secret in it.</summary>
    public static void Uri(byte[] input)
    {
        var text = FuzzTarget.Text(input);
        using var uri = Secretly(text, () => XpraUri.Parse(text));
        using var again = XpraUri.Parse(uri.ToString());
        Expect.Same(uri.Endpoint, again.Endpoint, "The endpoint changes");
        Expect.Same(uri.Encryption, again.Encryption, "The encryption changes");
        Expect.Same(uri.KeyFile, again.KeyFile, "The key file changes");
        Expect.That(again.Key is null && again.Password is null, "A secret stands in the URI that is shown.");
    }

    /// <summary>As <see cref="Uri"/>, for what <c>--bind-tcp</c> takes.</summary>
    public static void Bind(byte[] input)
    {
        var text = FuzzTarget.Text(input);
        using var bind = Secretly(text, () => BindOptions.Parse(text));
        using var again = BindOptions.Parse(bind.ToString());
        Expect.Same((bind.Host, bind.Port), (again.Host, again.Port), "The address changes");
    }

    /// <summary>Key data as text by our rule and by xpra's, and as the bytes of a file: what is read is written so that it is read the same.</summary>
    public static void Key(byte[] input)
    {
        if (input.Length > 0)
        {
            using var fromFile = XpraKey.FromBytes(input, KeySource.KeyFile);
            Expect.That(fromFile.Bits <= 8 * input.Length, "A key is worth more bits than it has.");
            if (!fromFile.ToString().StartsWith("0x", StringComparison.Ordinal))
                Expect.That(System.Text.Encoding.UTF8.GetBytes(fromFile.ToString()).AsSpan().SequenceEqual(input), "The text of a key holds another key.");
        }
        var text = FuzzTarget.Text(input);
        _ = KeyText.HasPrefix(text);
        try
        {
            using var ours = KeyText.Read(text, out _);
            Expect.That(KeyText.XpraReadsDifferently(text) is not { } warning || warning.Length < 500, "A warning repeats the text.");
            using var again = KeyText.Read(KeyText.ToPrefixedHex(ours.Span), out _);
            Expect.That(ours.Span.SequenceEqual(again.Span), "Key data that is written is read as something else.");
        }
        catch (XpraAesException e) when (e.Id is XpraErrorId.KeyTextInvalid or XpraErrorId.KeyMissing)
        {
            // xpra's rule is still to be tried.
        }
        using var theirs = KeyText.ReadAsXpra(text, out _);
        using var theirsAgain = KeyText.ReadAsXpra(KeyText.ToPrefixedHex(theirs.Span), out _);
        Expect.That(theirs.Span.SequenceEqual(theirsAgain.Span), "Key data that is written is read by xpra as something else.");
    }

    private static T Secretly<T>(string text, Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (XpraAesException e)
        {
            var start = text.IndexOf("keydata=", StringComparison.Ordinal);
            var secret = start < 0 ? "" : text[(start + "keydata=".Length)..].Split('&', ',', ')', '\t', '\r', '\n')[0].Trim();
            if (secret.Length >= MinSecret)
                Expect.That(!$"{e.Message} {e.RecommendedAction}".Contains(secret, StringComparison.Ordinal), "A message holds the key data.");
            throw;
        }
    }
}
