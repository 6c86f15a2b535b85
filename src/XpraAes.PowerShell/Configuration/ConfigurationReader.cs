using System.Management.Automation.Language;
using System.Text;
using System.Text.Json;

namespace XpraAes.PowerShell.Configuration;

/// <summary>Reads the syntax of configuration files: PowerShell data files (.psd1) and JSON (.json, with comments and commas at the end). Nothing in a file is run.</summary>
internal sealed class ConfigurationReader
{
    /// <summary>Bytes; ten thousand routes are about one.</summary>
    private const int MaxSize = 16 * 1024 * 1024;

    private const int MaxDepth = 8;

    private readonly List<ConfigurationProblem> _problems = [];
    private readonly string _path;

    private ConfigurationReader(string path) => _path = path;

    /// <summary>The values in a file, and every mistake in its syntax.</summary>
    /// <param name="path">A full path.</param>
    /// <exception cref="XpraAesException">ConfigurationUnreadable.</exception>
    public static (ConfigurationTable Table, IReadOnlyList<ConfigurationProblem> Problems) Read(string path)
    {
        var reader = new ConfigurationReader(path);
        var isJson = Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".JSON" => true,
            ".PSD1" => false,
            _ => throw Unreadable(path, "Its name ends neither in .psd1 nor in .json.", "Give a PowerShell data file or a JSON file that name."),
        };
        var text = ReadText(path);
        return (isJson ? reader.ReadJson(text) : reader.ReadDataFile(text), reader._problems);
    }

    private static string ReadText(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > MaxSize)
                throw Unreadable(path, $"It has more than {MaxSize / 1024 / 1024} MB.", "Is it the right file?");
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw Unreadable(path, e.Message, "Look at its name and who may read it.", e);
        }
    }

    private static XpraAesException Unreadable(string path, string message, string action, Exception? inner = null)
        => new(XpraErrorId.ConfigurationUnreadable, $"The configuration {path} cannot be read: {message}", action, inner) { Target = path };

    private void Report(int line, string? name, string message, string? action = null)
        => _problems.Add(new ConfigurationProblem { Path = _path, Line = line, Name = name, Message = message, RecommendedAction = action });

    private ConfigurationTable ReadDataFile(string text)
    {
        var script = Parser.ParseInput(text, _path, out _, out var errors);
        // Names that are there twice are found below, among the other mistakes.
        errors = [.. errors.Where(error => error.ErrorId != "DuplicateKeyInHashLiteral")];
        foreach (var error in errors)
            Report(error.Extent.StartLineNumber, null, error.Message);
        var none = new ConfigurationTable(1, []);
        if (errors.Length > 0)
            return none;
        if (script is { ParamBlock: null, BeginBlock: null, ProcessBlock: null, EndBlock.Statements: [PipelineAst { PipelineElements: [CommandExpressionAst { Expression: HashtableAst table }] }] })
            return Table(table, 0);
        Report(1, null, "The file is not one table.", "Write @{ Port = 10000; KeyFile = 'key.txt' } and the like, and nothing else.");
        return none;
    }

    private ConfigurationTable Table(HashtableAst table, int depth)
    {
        var entries = new Entries(this);
        foreach (var (key, statement) in table.KeyValuePairs)
        {
            if (key is not StringConstantExpressionAst { Value: var name })
                Report(key.Extent.StartLineNumber, null, $"{key.Extent.Text} is not a name.", "Write names as they are, or in single quotes.");
            else if (statement is PipelineAst { PipelineElements: [CommandExpressionAst { Expression: var expression }] })
                entries.Add(name, Value(expression, name, depth + 1), key.Extent.StartLineNumber);
            else
                NotConstant(statement, name);
        }
        return entries.ToTable(table.Extent.StartLineNumber);
    }

    private ConfigurationValue? Value(ExpressionAst expression, string name, int depth)
    {
        var line = expression.Extent.StartLineNumber;
        if (depth > MaxDepth)
        {
            Report(line, name, "The values are nested too deeply.");
            return null;
        }
        switch (expression)
        {
            case HashtableAst table:
                return Table(table, depth);
            case ArrayLiteralAst array:
                return List(line, array.Elements, name, depth);
            case ArrayExpressionAst array:
                return ListOfStatements(array, name, depth);
            case ParenExpressionAst { Pipeline: PipelineAst { PipelineElements: [CommandExpressionAst { Expression: var inner }] } }:
                return Value(inner, name, depth + 1);
            case VariableExpressionAst { VariablePath: { IsDriveQualified: true, DriveName: var drive, UserPath: var path } } when drive.Equals("env", StringComparison.OrdinalIgnoreCase):
                return ConfigurationScalar.FromVariable(line, path[(drive.Length + 1)..]);
        }
        try
        {
            // Constants, $true, $false, $null, and 64KB and the like; everything else is refused.
            return expression.SafeGetValue() switch
            {
                string text => ConfigurationScalar.FromText(line, text),
                var value => new ConfigurationScalar(line, value),
            };
        }
        catch (Exception e) when (e is InvalidOperationException or System.Management.Automation.RuntimeException)
        {
            NotConstant(expression, name);
            return null;
        }
    }

    private ConfigurationList List(int line, IEnumerable<ExpressionAst> items, string name, int depth)
        => new(line, [.. items.Select(item => Value(item, name, depth + 1)).OfType<ConfigurationValue>()]);

    // @('a', 'b') and, on lines of their own, @( 'a' \n 'b' )
    private ConfigurationList ListOfStatements(ArrayExpressionAst array, string name, int depth)
    {
        var items = new List<ConfigurationValue>();
        foreach (var statement in array.SubExpression.Statements)
        {
            if (statement is not PipelineAst { PipelineElements: [CommandExpressionAst { Expression: var expression }] })
                NotConstant(statement, name);
            else if (expression is ArrayLiteralAst several)
                items.AddRange(List(0, several.Elements, name, depth).Items);
            else if (Value(expression, name, depth + 1) is { } value)
                items.Add(value);
        }
        return new ConfigurationList(array.Extent.StartLineNumber, items);
    }

    // The text of the expression may be a secret.
    private void NotConstant(Ast ast, string name)
        => Report(ast.Extent.StartLineNumber, name, "The value is computed, which a configuration cannot be.", "Write a constant: text in single quotes, a number, $true or $false, a list of these; or $env:NAME.");

    private ConfigurationTable ReadJson(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = MaxDepth });
        var lines = new LineCounter(bytes);
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                var table = (ConfigurationTable)JsonValue(ref reader, lines);
                reader.Read();
                return table;
            }
            Report(1, null, "The file is not one JSON object.", """Write { "Port": 10000, "KeyFile": "key.txt" } and the like.""");
        }
        catch (JsonException e)
        {
            Report((int)(e.LineNumber ?? 0) + 1, null, "The JSON is not valid here: a quote, comma or bracket is missing or too much.", "An editor that knows JSON shows where.");
        }
        return new ConfigurationTable(1, []);
    }

    private ConfigurationValue JsonValue(ref Utf8JsonReader reader, LineCounter lines)
    {
        var line = lines.At(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var entries = new Entries(this);
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var at = lines.At(reader.TokenStartIndex);
                    var name = reader.GetString()!;
                    reader.Read();
                    entries.Add(name, JsonValue(ref reader, lines), at);
                }
                return entries.ToTable(line);
            case JsonTokenType.StartArray:
                var items = new List<ConfigurationValue>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(JsonValue(ref reader, lines));
                return new ConfigurationList(line, items);
            case JsonTokenType.String:
                return ConfigurationScalar.FromText(line, reader.GetString()!);
            case JsonTokenType.Number:
                return new ConfigurationScalar(line, reader.TryGetInt64(out var whole) ? whole is >= int.MinValue and <= int.MaxValue ? (int)whole : whole : reader.GetDouble());
            default:
                return new ConfigurationScalar(line, reader.TokenType switch { JsonTokenType.True => true, JsonTokenType.False => false, _ => null });
        }
    }

    /// <summary>Collects the entries of a table, and reports names that are there twice.</summary>
    private sealed class Entries(ConfigurationReader reader)
    {
        private readonly List<KeyValuePair<string, ConfigurationValue>> _entries = [];
        private readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase);

        public void Add(string name, ConfigurationValue? value, int line)
        {
            if (!_names.Add(name))
                reader.Report(line, name, "The name is there twice.", "Remove one of them.");
            else if (value is not null)
                _entries.Add(new(name, value));
        }

        public ConfigurationTable ToTable(int line) => new(line, _entries);
    }

    /// <summary>The lines of ascending positions.</summary>
    private sealed class LineCounter(byte[] bytes)
    {
        private int _line = 1;
        private int _at;

        public int At(long position)
        {
            for (; _at < position; _at++)
            {
                if (bytes[_at] == (byte)'\n')
                    _line++;
            }
            return _line;
        }
    }
}
