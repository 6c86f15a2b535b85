#Requires -Version 7.4
<#
.SYNOPSIS
Restarts sessions that have been up for some days and that nobody uses, one after the other.

.DESCRIPTION
HOSTS is a CSV file with a column Uri, and KeyFile and others where they differ. A session is idle if no client is attached,
or if none has been used for that many days. Each is stopped, started again by the script block, and must answer before the
next one is touched: the first that does not ends the script.

.EXAMPLE
./restart-idle-sessions.ps1 -HostsPath hosts.csv -Days 30 -Start { param($server) systemctl --host ([uri] $server.Server).Host start xpra }
#>
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [Parameter(Mandatory)] [string] $HostsPath,
    [Parameter(Mandatory)] [scriptblock] $Start,
    [double] $Days = 30,
    [int] $SecondsToStart = 60
)

$ErrorActionPreference = 'Stop'
if (-not (Get-Module XpraAes)) {
    Import-Module "$PSScriptRoot/../XpraAes.psd1"
}

$age = [timespan]::FromDays($Days)
foreach ($row in Import-Csv $HostsPath) {
    $server = $row | Get-XpraInfo -Summary -ErrorAction Continue
    $isIdle = $server.Clients -eq 0 -or $server.Idle -ge $age
    if (-not $server -or $server.Uptime -lt $age -or -not $isIdle -or -not $PSCmdlet.ShouldProcess($server.Server, "Restart, up for $($server.Uptime)")) {
        continue
    }
    $null = $row | Stop-XpraServer -Confirm:$false
    $null = & $Start $server
    $deadline = [datetime]::Now.AddSeconds($SecondsToStart)
    do {
        Start-Sleep -Seconds 1
        $again = $row | Get-XpraInfo -Summary -ErrorAction SilentlyContinue
    } until ($again -or [datetime]::Now -gt $deadline)
    if (-not $again) {
        throw "$($server.Server) did not come back within $SecondsToStart s."
    }
    $again
}
