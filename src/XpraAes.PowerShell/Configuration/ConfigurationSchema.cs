using System.Collections;
using System.Management.Automation;
using System.Reflection;
using System.Security;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace XpraAes.PowerShell.Configuration;

/// <summary>The JSON schema of configuration files, for editors: XpraAes.schema.json in the module's folder. Test-XpraAesConfiguration checks more than it can.</summary>
internal static class ConfigurationSchema
{
    private static readonly JsonSerializerOptions s_options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema's text.</summary>
    /// <param name="describe">The description of a parameter; null for none.</param>
    public static string Create(Func<string, string?> describe)
    {
        var properties = new JsonObject { ["$schema"] = new JsonObject { ["type"] = "string" } };
        foreach (var (name, property) in ListenerConfiguration.Parameters.OrderBy(parameter => parameter.Key, StringComparer.Ordinal))
        {
            var schema = SchemaOf(property);
            if (describe(name) is { } description)
                schema["description"] = description;
            properties[name] = schema;
        }
        return new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Configuration of Start-XpraAesListener",
            ["type"] = "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
        }.ToJsonString(s_options) + "\n";
    }

    private static JsonObject SchemaOf(PropertyInfo property)
    {
        var type = property.PropertyType;
        if (type.IsArray)
            return OneOrMore(SchemaOf(type.GetElementType()!, property));
        return property.Name == nameof(Commands.StartXpraAesListenerCommand.Target) ? Target() : SchemaOf(type, property);
    }

    private static JsonObject SchemaOf(Type type, PropertyInfo property)
    {
        if (type == typeof(SwitchParameter))
            return new JsonObject { ["type"] = "boolean" };
        if (type == typeof(Hashtable))
            return LimitTable();
        if (type == typeof(PSCredential))
            return Credential();
        if (type == typeof(SecureString))
            return Variable();
        if (type.IsEnum)
            return new JsonObject { ["enum"] = new JsonArray([.. Enum.GetNames(type).Select(name => (JsonNode)name)]) };
        if (type != typeof(int))
            return property.Name == nameof(Commands.StartXpraAesListenerCommand.KeyData) ? Variable() : new JsonObject { ["type"] = "string" };
        var whole = new JsonObject { ["type"] = "integer" };
        if (property.GetCustomAttribute<ValidateRangeAttribute>() is { MinRange: int least, MaxRange: int most })
            (whole["minimum"], whole["maximum"]) = (least, most);
        if (property.GetCustomAttribute<ValidateSetAttribute>() is { } set)
            return new JsonObject { ["enum"] = new JsonArray([.. set.ValidValues.Select(value => (JsonNode)int.Parse(value, System.Globalization.CultureInfo.InvariantCulture))]) };
        return whole;
    }

    private static JsonObject Variable() => new() { ["type"] = "string", ["pattern"] = "^\\$env:" };

    private static JsonObject Credential() => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject { ["UserName"] = new JsonObject { ["type"] = "string" }, ["Password"] = Variable() },
        ["required"] = new JsonArray("UserName", "Password"),
        ["additionalProperties"] = false,
    };

    /// <summary>Each limit by its name: counts and sizes (also as 64KB), seconds or TimeSpans.</summary>
    private static JsonObject LimitTable() => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject(LimitInput.Types.OrderBy(limit => limit.Key, StringComparer.Ordinal).Select(limit => KeyValuePair.Create(limit.Key,
            (JsonNode?)new JsonObject { ["type"] = new JsonArray(limit.Value == typeof(int) ? "integer" : "number", "string"), ["minimum"] = limit.Value == typeof(int) ? 1 : 0 }))),
        ["additionalProperties"] = false,
    };

    private static JsonObject Target() => new()
    {
        ["anyOf"] = new JsonArray(Uris(), new JsonObject { ["type"] = "object", ["additionalProperties"] = Uris() }),
    };

    private static JsonObject Uris() => OneOrMore(new JsonObject { ["type"] = "string" });

    private static JsonObject OneOrMore(JsonObject one) => new()
    {
        ["anyOf"] = new JsonArray(one, new JsonObject { ["type"] = "array", ["items"] = one.DeepClone() }),
    };
}
