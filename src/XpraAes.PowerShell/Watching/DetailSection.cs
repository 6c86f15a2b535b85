namespace XpraAes.PowerShell.Watching;

/// <summary>Names and values under a title.</summary>
internal sealed record DetailSection(string Title, IReadOnlyList<(string Name, string Value)> Rows);
