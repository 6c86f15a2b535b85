#Requires -Version 7.4
<#
.SYNOPSIS
Who uses which cipher and which version of xpra, across hosts: a CSV file with a row for each attached client.

.DESCRIPTION
For a nightly job. HOSTS is a CSV file with a column Uri, and Mode, KeyFile and others where they differ: whatever
Connect-XpraAes takes. Servers that fail are warnings, and the exit code is then 1.

.EXAMPLE
./session-report.ps1 -HostsPath hosts.csv -ReportPath report.csv
#>
param(
    [Parameter(Mandatory)] [string] $HostsPath,
    [Parameter(Mandatory)] [string] $ReportPath
)

if (-not (Get-Module XpraAes)) {
    Import-Module "$PSScriptRoot/../XpraAes.psd1"
}

$servers = Import-Csv $HostsPath | Get-XpraInfo -Summary -ErrorAction SilentlyContinue -ErrorVariable failed
$versions = @{}
foreach ($server in $servers) {
    $versions[$server.Server] = $server.Version
}
Import-Csv $HostsPath | Get-XpraClient -ErrorAction SilentlyContinue |
    Select-Object Server, @{ Name = 'ServerVersion'; Expression = { $versions[$_.Server] } }, Address, HostName, Version, Cipher, Since |
    Sort-Object Cipher, Server |
    Export-Csv $ReportPath

foreach ($failure in $failed) {
    Write-Warning "$failure"
}
exit [int] ($failed.Count -gt 0)
