using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;

namespace XpraAes.Shell;

/// <summary>Writes output to standard output and everything that is said about it to standard error, with colours only on a terminal.</summary>
internal sealed class ShellUserInterface : PSHostUserInterface
{
    private const string ClearLine = "\r\e[K";

    private static readonly bool NoColour =
        Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 } || Environment.GetEnvironmentVariable("TERM") == "dumb";

    private static readonly bool ColourOutput = !NoColour && !Console.IsOutputRedirected;
    private static readonly bool ColourErrors = !NoColour && !Console.IsErrorRedirected;

    private readonly Lock _console = new();
    private bool _progressShown;

    public override PSHostRawUserInterface RawUI { get; } = new ShellRawUserInterface();

    /// <summary>What comes as output is an error: the engine renders a lone error record no other way.</summary>
    public bool OutputIsError { get; set; }

    public override bool SupportsVirtualTerminal => ColourOutput || ColourErrors;

    public override void Write(string value) => Output(value);

    public override void WriteLine(string value) => Output(value + Environment.NewLine);

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value)
    {
        PSStyle style = PSStyle.Instance;
        string background = backgroundColor == RawUI.BackgroundColor ? "" : PSStyle.MapBackgroundColorToEscapeSequence(backgroundColor);
        string foreground = (int)foregroundColor < 0 ? "" : PSStyle.MapForegroundColorToEscapeSequence(foregroundColor);
        Output($"{background}{foreground}{value}{style.Reset}");
    }

    public override void WriteErrorLine(string value) => Say(PSStyle.Instance.Formatting.Error, value);

    public override void WriteWarningLine(string message) => Say(PSStyle.Instance.Formatting.Warning, "WARNING: " + message);

    public override void WriteVerboseLine(string message) => Say(PSStyle.Instance.Formatting.Verbose, "VERBOSE: " + message);

    public override void WriteDebugLine(string message) => Say(PSStyle.Instance.Formatting.Debug, "DEBUG: " + message);

    /// <summary>One line that the next one replaces, on a terminal only.</summary>
    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
        if (!ColourErrors)
        {
            return;
        }

        lock (_console)
        {
            HideProgress();
            if (record.RecordType == ProgressRecordType.Completed)
            {
                return;
            }

            string share = record.PercentComplete >= 0 ? $" {record.PercentComplete} %" : "";
            string line = $"{record.Activity}: {record.StatusDescription}{share}";
            Console.Error.Write(line[..Math.Min(line.Length, RawUI.WindowSize.Width - 1)]);
            _progressShown = true;
        }
    }

    public override string ReadLine() => Console.ReadLine() ?? throw new HostException("There is no more input to read an answer from.");

    public override SecureString ReadLineAsSecureString()
    {
        SecureString text = new();
        if (Console.IsInputRedirected)
        {
            foreach (char character in ReadLine())
            {
                text.AppendChar(character);
            }

            return text;
        }

        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace && text.Length > 0)
            {
                text.RemoveAt(text.Length - 1);
            }
            else if (!char.IsControl(key.KeyChar))
            {
                text.AppendChar(key.KeyChar);
            }
        }

        Console.Error.WriteLine();
        return text;
    }

    /// <summary>Asks for the mandatory parameters that were not given.</summary>
    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions)
    {
        Announce(caption, message);
        Dictionary<string, PSObject> answers = [];
        foreach (FieldDescription field in descriptions)
        {
            answers[field.Name] = PSObject.AsPSObject(Ask(field));
        }

        return answers;
    }

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        Announce(caption, message);
        string[] keys = [.. choices.Select(choice => KeyOf(choice.Label))];
        string menu = string.Join("  ", choices.Select((choice, i) => $"[{keys[i]}] {choice.Label.Replace("&", "", StringComparison.Ordinal)}"));
        string preset = defaultChoice < 0 ? "" : $" (default is \"{keys[defaultChoice]}\")";
        while (true)
        {
            Console.Error.Write($"{menu}{preset}: ");
            string answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
            {
                return defaultChoice;
            }

            int chosen = Array.FindIndex(keys, key => key.Equals(answer, StringComparison.OrdinalIgnoreCase));
            if (chosen >= 0)
            {
                return chosen;
            }
        }
    }

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        PromptForCredential(caption, message, userName, targetName, PSCredentialTypes.Default, PSCredentialUIOptions.Default);

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options)
    {
        Announce(caption, message);
        if (string.IsNullOrEmpty(userName))
        {
            Console.Error.Write("User: ");
            userName = ReadLine();
        }

        Console.Error.Write($"Password for {userName}: ");
        return new PSCredential(userName, ReadLineAsSecureString());
    }

    private object? Ask(FieldDescription field)
    {
        Type type = Type.GetType(field.ParameterAssemblyFullName) ?? typeof(string);
        if (type == typeof(SecureString))
        {
            Console.Error.Write($"{field.Name}: ");
            return ReadLineAsSecureString();
        }

        if (!type.IsArray)
        {
            Console.Error.Write($"{field.Name}: ");
            return LanguagePrimitives.ConvertTo(ReadLine(), type, CultureInfo.CurrentCulture);
        }

        List<string> lines = [];
        while (true)
        {
            Console.Error.Write($"{field.Name}[{lines.Count}]: ");
            string line = ReadLine();
            if (line.Length == 0)
            {
                return LanguagePrimitives.ConvertTo(lines.ToArray(), type, CultureInfo.CurrentCulture);
            }

            lines.Add(line);
        }
    }

    // The letter after the ampersand, as in "Yes to &All"; the whole label where there is none.
    private static string KeyOf(string label)
    {
        int ampersand = label.IndexOf('&', StringComparison.Ordinal);
        return ampersand >= 0 && ampersand + 1 < label.Length ? label.Substring(ampersand + 1, 1).ToUpperInvariant() : label;
    }

    private void Announce(string caption, string message)
    {
        lock (_console)
        {
            HideProgress();
            foreach (string line in new[] { caption, message }.Where(line => !string.IsNullOrEmpty(line)))
            {
                Console.Error.WriteLine(line);
            }
        }
    }

    private void Output(string text)
    {
        lock (_console)
        {
            HideProgress();
            bool colour = OutputIsError ? ColourErrors : ColourOutput;
            (OutputIsError ? Console.Error : Console.Out).Write(colour ? text : Plain(text));
        }
    }

    private void Say(string colour, string text)
    {
        lock (_console)
        {
            HideProgress();
            Console.Error.WriteLine(ColourErrors ? $"{colour}{text}{PSStyle.Instance.Reset}" : Plain(text));
        }
    }

    private void HideProgress()
    {
        if (_progressShown)
        {
            Console.Error.Write(ClearLine);
            _progressShown = false;
        }
    }

    private static string Plain(string text) => new StringDecorated(text).ToString(OutputRendering.PlainText);
}
