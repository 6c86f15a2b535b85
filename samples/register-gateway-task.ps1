#Requires -Version 7.4
<#
.SYNOPSIS
Runs AES in front of one user's xpra server on Windows, from the start of the machine on: a scheduled task.

.DESCRIPTION
Run it in an administrator's PowerShell; docs/gateway.md shows the steps before it. The task runs as the user of the xpra server,
who alone can use the server's pipe, with no more rights than that user has and without a stored password. To remove it:
Unregister-ScheduledTask xpra-aes-gateway.

.EXAMPLE
samples/register-gateway-task.ps1 -UserName ada -KeyFile C:\Users\ada\xpra-aes\key.txt -Target named-pipe://Main -WhatIf
Shows the command that the task would run.
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    # The user who runs the xpra server.
    [Parameter(Mandatory)]
    [string] $UserName,

    # The key file, which that user has made.
    [Parameter(Mandatory)]
    [string] $KeyFile,

    # The server to forward sessions to.
    [Parameter(Mandatory)]
    [string] $Target,

    # The port to listen on, on all addresses of the machine.
    [ValidateRange(1, 65535)]
    [int] $Port = 10000,

    # Where the salts of clients and the log go: a folder of that user.
    [string] $Folder = (Split-Path $KeyFile),

    # xpra-aes, as dotnet tool install leaves it with --tool-path.
    [string] $Program = "$env:ProgramFiles\xpra-aes\xpra-aes.exe",

    # The name of the task and of the firewall rule.
    [string] $Name = 'xpra-aes-gateway'
)

$ErrorActionPreference = 'Stop'

function ConvertTo-Quoted([string] $Text) {
    if ($Text.Contains('"')) {
        throw "A quotation mark cannot be part of this: $Text"
    }
    "'$([System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($Text))'"
}

$listener = "Start-XpraAesListener -Port $Port -BindAddress Any -KeyFile $(ConvertTo-Quoted $KeyFile) -Target $(ConvertTo-Quoted $Target)" +
    " -StatePath $(ConvertTo-Quoted (Join-Path $Folder salts)) -LogPath $(ConvertTo-Quoted (Join-Path $Folder gateway.log)) -Wait"
if (-not $PSCmdlet.ShouldProcess("$Name, as $UserName", "Run $Program with $listener")) {
    return
}

# Without a limit of time or to the power supply; the task starts again if it fails.
$task = @{
    TaskName  = $Name
    Action    = New-ScheduledTaskAction -Execute $Program -Argument "-NonInteractive -Command `"$listener`""
    Trigger   = New-ScheduledTaskTrigger -AtStartup
    Principal = New-ScheduledTaskPrincipal -UserId $UserName -LogonType S4U -RunLevel Limited
    Settings  = New-ScheduledTaskSettingsSet -ExecutionTimeLimit 0 -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
}
Register-ScheduledTask @task
New-NetFirewallRule -Name $Name -DisplayName $Name -Direction Inbound -Protocol TCP -LocalPort $Port -Program $Program | Out-Null
Start-ScheduledTask -TaskName $Name
