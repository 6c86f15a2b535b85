namespace XpraAes.Gateway;

/// <summary>The fields that hold bytes and never text, whatever they look like (PROTOCOL sections 2, 4, 5 and 9, and xpra's packet handlers).</summary>
internal static class BinaryFields
{
    // Packet type, and the positions of its byte strings behind the type.
    private static readonly Dictionary<string, int[]> s_positions = new(StringComparer.Ordinal)
    {
        ["challenge"] = [1],            // server salt
        ["draw"] = [7],                 // pixels
        ["cursor"] = [9],               // pixels
        ["window-icon"] = [5],          // pixels
        ["sound-data"] = [2, 4],        // an encoded sample, and a list of what the codec needs to know
        ["send-file"] = [6],            // file content
        ["send-file-chunk"] = [3],      // file content
        ["print"] = [2],                // file content
        ["screenshot"] = [5],           // a PNG
        ["clipboard-token"] = [7],      // a selection's content
        ["clipboard-contents"] = [6],   // the same
        ["webcam-frame"] = [6],         // a picture
    };

    private static readonly HashSet<string> s_capabilities = new(StringComparer.Ordinal)
    {
        "key_salt", "cipher.key_salt", "challenge_response", "challenge_client_salt", "challenge_padding", "icon", "window-icon", "IconData",
    };

    /// <summary>Whether this position of a packet of this type holds bytes.</summary>
    public static bool IsBinary(string packetType, int position)
        => s_positions.TryGetValue(packetType, out var positions) && positions.Contains(position);

    /// <summary>Whether the value of this name in a dictionary holds bytes.</summary>
    public static bool IsBinaryCapability(string name) => s_capabilities.Contains(name);
}
