#Requires -Version 7.4
<#
.SYNOPSIS
Runs the suite in this directory with Pester 5 or 6 and writes what came out to a JSON file.
#>
[CmdletBinding()]
param(
    # The file for the counts and the failed tests.
    [string] $ResultPath = "$PSScriptRoot/../../out/pester.json",

    # 5 or 6; by default the newest installed.
    [int] $PesterMajor = 0,

    # Run only tests with one of these tags: Unit, Interop, Slow.
    [string[]] $Tag = @(),

    # Pester's output: None, Normal, Detailed.
    [string] $Verbosity = 'Normal'
)

$ErrorActionPreference = 'Stop'
if ($PesterMajor) {
    Import-Module Pester -MinimumVersion "$PesterMajor.0" -MaximumVersion "$PesterMajor.999"
}
else {
    Import-Module Pester -MinimumVersion 5.0
}

$configuration = New-PesterConfiguration
$configuration.Run.Path = $PSScriptRoot
$configuration.Run.PassThru = $true
$configuration.Filter.Tag = $Tag
$configuration.Output.Verbosity = $Verbosity
$run = Invoke-Pester -Configuration $configuration

# A failed file or block contains no failed test.
$failures = @($run.Failed) + @($run.FailedBlocks) + @($run.FailedContainers) | ForEach-Object {
    [pscustomobject]@{
        Name    = if ($_.PSObject.Properties['ExpandedPath']) { $_.ExpandedPath } else { "$_" }
        Message = ($_.ErrorRecord | ForEach-Object { "$_" }) -join [Environment]::NewLine
    }
}
[pscustomobject]@{
    Pester   = "$((Get-Module Pester).Version)"
    Passed   = $run.PassedCount
    Failed   = @($failures).Count
    Skipped  = $run.SkippedCount
    Failures = @($failures)
} | ConvertTo-Json -Depth 3 | Set-Content -Path $ResultPath

exit [int]($run.Result -ne 'Passed')
