namespace XpraAes.Gateway;

/// <summary>Fields that always hold bytes, even where they are valid text (PROTOCOL sections 2, 4, 5 and 9, and xpra's packet handlers).</summary>
internal static class BinaryFields
{
    // Packet type -> positions of its byte strings; the type itself is position 0.
    private static readonly Dictionary<string, int[]> s_positions = new(StringComparer.Ordinal)
    {
        ["challenge"] = [1],            // server salt
        ["draw"] = [7],                 // pixels
        ["cursor"] = [9],               // pixels
        ["window-icon"] = [5],          // pixels
        ["sound-data"] = [2, 4],        // an encoded sample, and the codec's parameters
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

    /// <summary>Whether packets of this type hold bytes at this position.</summary>
    public static bool IsBinary(string packetType, int position)
        => s_positions.TryGetValue(packetType, out var positions) && positions.Contains(position);

    /// <summary>Whether a dictionary's value under this name holds bytes.</summary>
    public static bool IsBinaryCapability(string name) => s_capabilities.Contains(name);
}
