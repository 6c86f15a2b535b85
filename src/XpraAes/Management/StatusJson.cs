using System.Text.Json.Serialization;

namespace XpraAes.Management;

/// <summary>The JSON of <see cref="ProcessStatus"/>: names as in PowerShell, enumerations as text, nothing deeper than it is.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, MaxDepth = 8)]
[JsonSerializable(typeof(ProcessStatus))]
[JsonSerializable(typeof(CipherInfo))]
internal sealed partial class StatusJson : JsonSerializerContext;
