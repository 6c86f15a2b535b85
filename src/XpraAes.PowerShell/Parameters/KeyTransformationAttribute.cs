using System.Management.Automation;
using System.Security;
using XpraAes.Keys;

namespace XpraAes.PowerShell;

/// <summary>
/// Converts what New-XpraAesKey, Get-XpraAesKey or a secret store returns to a key: a key, a SecureString, the password of a PSCredential,
/// text (read as for -KeyData) or bytes. The cmdlet always gets its own copy, and disposes of it.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KeyTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        try
        {
            return ToKey(inputData is PSObject wrapped ? wrapped.BaseObject : inputData);
        }
        catch (XpraAesException e)
        {
            throw new ArgumentTransformationMetadataException(e.RecommendedAction is null ? e.Message : $"{e.Message} {e.RecommendedAction}", e);
        }
    }

    private static XpraKey ToKey(object? input) => input switch
    {
        XpraKey key => key.Clone(),
        SecureString secret => SecretText.ToKey(secret),
        PSCredential credential => SecretText.ToKey(credential.Password),
        byte[] bytes => XpraKey.FromBytes(bytes, KeySource.Secret),
        string text => XpraKey.FromText(text, KeySource.Secret),
        // Get-Content -AsByteStream returns an array of objects.
        object[] items when items.Length > 0 && Array.TrueForAll(items, IsByte) => XpraKey.FromBytes(Array.ConvertAll(items, ToByte), KeySource.Secret),
        null => throw new ArgumentTransformationMetadataException("-Key is null."),
        _ => throw Refusal($"-Key takes a key from New-XpraAesKey or Get-XpraAesKey, a SecureString, a PSCredential, text or bytes, but was given {input.GetType().Name}."),
    };

    // With this inner exception, the engine tries other ways to bind pipeline input.
    private static ArgumentTransformationMetadataException Refusal(string message) => new(message, new PSInvalidCastException(message));

    private static bool IsByte(object? item) => item is byte or PSObject { BaseObject: byte };

    private static byte ToByte(object item) => item is PSObject wrapped ? (byte)wrapped.BaseObject : (byte)item;
}
