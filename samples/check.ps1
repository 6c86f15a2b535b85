#Requires -Version 7.4
<#
.SYNOPSIS
Tries on this machine what XpraAes does, and shows what worked.

.DESCRIPTION
Keys and who may read them, paths, listeners and connections in every mode, the gateway, local ends, and the diagnosis of a
wrong key. Runs in PowerShell 7.4 and later (pwsh samples/check.ps1) and in xpra-aes, on Windows, Linux and macOS. Everything
happens on this machine, and nothing is left behind. It returns one row for each check, and ends with exit code 1 if one failed.

.EXAMPLE
pwsh samples/check.ps1
Shows the table.

.EXAMPLE
pwsh -Command "samples/check.ps1 | Export-Csv checks.csv"
Keeps it, for a bug report. There is no secret in it.
#>
[CmdletBinding()]
param()

$ErrorActionPreference = 'Stop'
Import-Module "$PSScriptRoot/../XpraAes.psd1"

$everyone = if ($IsWindows) { [System.Security.Principal.SecurityIdentifier]::new('S-1-1-0') }
$folder = New-Item -ItemType Directory -Path ([System.IO.Path]::GetTempPath()) -Name "xpra-aes check $([guid]::NewGuid())"
$key = Join-Path $folder 'key.txt'
$failed = 0

function Test-Step([string] $Check, [scriptblock] $Code) {
    try {
        $detail = & $Code
        $result = 'Passed'
    }
    catch [System.NotSupportedException] {
        $result, $detail = 'Skipped', $_.Exception.Message
    }
    catch {
        $script:failed++
        $result, $detail = 'Failed', $_.Exception.Message
    }
    finally {
        Get-XpraAesConnection | Disconnect-XpraAes
        Get-XpraAesListener | Stop-XpraAesListener -GracePeriod 0
    }
    [pscustomobject]@{ Result = $result; Check = $Check; Detail = "$detail" }
}

function Skip-Step([string] $Reason) {
    throw [System.NotSupportedException]::new($Reason)
}

function Assert-Equal($Expected, $Actual, [string] $What) {
    if ("$Expected" -cne "$Actual") {
        throw "$What is '$Actual' instead of '$Expected'."
    }
}

# Runs what has to fail, and returns the error.
function Get-Failure([string] $ErrorId, [scriptblock] $Code) {
    try {
        $null = & $Code
    }
    catch {
        Assert-Equal $ErrorId ($_.FullyQualifiedErrorId -replace ',.*') -What 'The error'
        return $_.Exception.Message
    }
    throw "It worked, but should have failed with $ErrorId."
}

# The accounts in an access control list, or the mode of a file.
function Get-Access([string] $Path) {
    if ($IsWindows) {
        $rules = (Get-Acl $Path).GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])
        ($rules | Where-Object AccessControlType -EQ Allow | ForEach-Object { $_.IdentityReference.Value } | Sort-Object -Unique) -join ' '
    }
    else {
        [convert]::ToString([int][System.IO.File]::GetUnixFileMode($Path), 8)
    }
}

function Assert-Private([string] $Path) {
    $access = Get-Access $Path
    if (-not $IsWindows) {
        Assert-Equal 600 $access -What "The mode of $Path"
        return "mode $access"
    }
    $allowed = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value, 'S-1-5-18', 'S-1-5-32-544'
    if ($others = -split $access | Where-Object { $_ -notin $allowed }) {
        throw "Others may use ${Path}: $others"
    }
    $access
}

# As a file becomes when someone gives it to all.
function Open-ToOther([string] $Path) {
    if ($IsWindows) {
        $list = Get-Acl $Path
        $list.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new($everyone, 'Read', 'Allow'))
        Set-Acl -Path $Path -AclObject $list
    }
    else {
        chmod o+r $Path
    }
}

function Get-ProblemId([string] $Path) {
    (Get-XpraAesKey $Path -WarningAction SilentlyContinue).Problems.Id -join ' '
}

# The name of a pipe that leads to a server.
function Open-TestPipe {
    $server = Start-XpraAesListener -Port 0 -KeyFile $key
    (Connect-XpraAes -ComputerName 127.0.0.1 -Port $server.Port -KeyFile $key -LocalPipe "check-$PID-$(Get-Random)").AttachUri -replace '.*/'
}

function Connect-Test([int] $Port, [string] $Mode = 'CBC') {
    $connection = Connect-XpraAes -ComputerName 127.0.0.1 -Port $Port -Mode $Mode -KeyFile $key
    if (-not $connection.KeyProven) {
        throw 'The server has not proven that it holds the key.'
    }
    '{0:0.0} ms' -f $connection.Latency.TotalMilliseconds
}

try {
    Test-Step 'System: versions' {
        "$([System.Runtime.InteropServices.RuntimeInformation]::OSDescription), PowerShell $($PSVersionTable.PSVersion), XpraAes $((Get-Module XpraAes).Version)"
    }
    Test-Step 'System: execution policy' { Get-ExecutionPolicy }
    Test-Step 'System: output in UTF-8' {
        if ([System.Environment]::ProcessPath -notlike '*xpra-aes*') {
            Skip-Step 'Only xpra-aes sets the encoding of the console.'
        }
        $code = [convert]::ToBase64String([System.Text.Encoding]::Unicode.GetBytes("'$([char]0x2026)$([char]0x20AC)'"))
        Assert-Equal "$([char]0x2026)$([char]0x20AC)" (& ([System.Environment]::ProcessPath) -EncodedCommand $code) -What 'The output'
    }

    Test-Step 'Keys: only you can use a new key file' {
        $made = New-XpraAesKey -Path $key
        Assert-Equal '' ($made.Problems.Id -join ' ') -What 'The list of problems'
        Assert-Private $key
    }
    Test-Step 'Keys: nor one in an open folder' {
        if (-not $IsWindows) {
            Skip-Step 'On Windows only, files take rights from their folder.'
        }
        $open = New-Item -ItemType Directory -Path (Join-Path $folder 'open')
        $list = Get-Acl $open
        $list.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new($everyone, 'Read', 'ContainerInherit, ObjectInherit', 'None', 'Allow'))
        Set-Acl -Path "$open" -AclObject $list
        $null = New-XpraAesKey -Path "$open\key.txt"
        Assert-Private "$open\key.txt"
    }
    Test-Step 'Keys: the warning about an open one, and its repair' {
        $opened = Join-Path $folder 'opened key.txt'
        $null = New-XpraAesKey -Path $opened
        Open-ToOther $opened
        $problem = (Get-XpraAesKey $opened -WarningAction SilentlyContinue).Problems | Where-Object Id -EQ OpenToOthers
        if (-not $problem) {
            throw 'It is not reported.'
        }
        # The command is the module's own: Run: icacls … or Run: chmod …
        $null = & ([scriptblock]::Create($problem.RecommendedAction -replace '^Run: ')) 2>&1
        Assert-Equal '' (Get-ProblemId $opened) -What 'The list of problems afterwards'
        Assert-Private $opened
    }
    Test-Step 'Keys: -Force makes it private again' {
        $opened = Join-Path $folder 'another.txt'
        $null = New-XpraAesKey -Path $opened
        Open-ToOther $opened
        $null = New-XpraAesKey -Path $opened -Force
        Assert-Private $opened
    }
    Test-Step 'Keys: UTF-16, byte order mark, CRLF' {
        $text = "$(New-XpraAesKey)"
        $utf8 = [System.Text.UTF8Encoding]::new($false)
        foreach ($file in @(
                @{ Name = 'utf16.txt'; Encoding = [System.Text.Encoding]::Unicode; Problem = 'Utf16' }
                @{ Name = 'bom.txt'; Encoding = [System.Text.Encoding]::UTF8; Problem = 'ByteOrderMark' }
                @{ Name = 'crlf.txt'; Encoding = $utf8; Problem = '' })) {
            # As private as a key file, so that this is not a problem of it as well.
            $path = (New-XpraAesKey -Path (Join-Path $folder $file.Name)).Path
            [System.IO.File]::WriteAllText($path, "$text`r`n", $file.Encoding)
            Assert-Equal $file.Problem (Get-ProblemId $path) -What "The list of problems of $($file.Name)"
        }
        Assert-Equal (Get-XpraAesKey -KeyData $text).Fingerprint (Get-XpraAesKey $path).Fingerprint -What 'The key with CRLF'
    }
    Test-Step 'Keys: a file that Windows PowerShell wrote' {
        if (-not (Get-Command powershell.exe -CommandType Application -ErrorAction Ignore | Where-Object Version -GE 5.1)) {
            Skip-Step 'There is no Windows PowerShell here.'
        }
        $path = Join-Path $folder 'from 5.1.txt'
        powershell.exe -NoProfile -Command "'$(New-XpraAesKey)' > '$path'"
        if ((Get-ProblemId $path) -notmatch 'Utf16') {
            throw 'That it is UTF-16 is not reported.'
        }
    }

    Test-Step 'Paths: spaces, separators, relative ones' {
        Push-Location $folder
        try {
            $wanted = (Get-XpraAesKey $key).Fingerprint
            foreach ($path in "$folder/key.txt", "$folder$([System.IO.Path]::DirectorySeparatorChar)key.txt", 'key.txt', './key.txt', "../$($folder.Name)/k*.txt") {
                Assert-Equal $wanted (@((Get-XpraAesKey $path -WarningAction SilentlyContinue).Fingerprint) -eq $wanted) -What "The key in $path"
            }
        }
        finally {
            Pop-Location
        }
    }
    Test-Step 'Paths: drives and your profile' {
        if (-not $IsWindows) {
            Skip-Step 'These are of Windows.'
        }
        $name = "xpra-aes check $([guid]::NewGuid()).txt"
        $made = New-XpraAesKey -Path "$env:USERPROFILE\$name"
        try {
            Push-Location "$((Get-Item $env:USERPROFILE).PSDrive.Name):\"
            Assert-Equal $made.Fingerprint (Get-XpraAesKey "~\$name").Fingerprint -What 'The key by ~'
            Assert-Equal $made.Fingerprint (Get-XpraAesKey "$(Split-Path $env:USERPROFILE -NoQualifier)\$name").Fingerprint -What 'The key without its drive'
        }
        finally {
            Pop-Location
            Remove-Item $made.Path
        }
        Split-Path $made.Path
    }
    Test-Step 'Paths: UNC' {
        $unc = $key -replace '^(\w):', '\\localhost\$1$$'
        if (-not $IsWindows -or -not (Test-Path $unc)) {
            Skip-Step 'The share of the drive cannot be opened.'
        }
        Assert-Equal (Get-XpraAesKey $key).Fingerprint (Get-XpraAesKey $unc).Fingerprint -What "The key in $unc"
    }

    foreach ($mode in 'CBC', 'CTR', 'GCM', 'CFB') {
        Test-Step "Connection: AES-$mode" {
            Connect-Test (Start-XpraAesListener -Port 0 -KeyFile $key -Mode $mode -StatePath (Join-Path $folder 'salts')).Port $mode
        }
    }
    Test-Step 'Connection: WebSocket' {
        $port = (Start-XpraAesListener -Port 0 -KeyFile $key).Port
        "$((Connect-XpraAes "ws://127.0.0.1:$port/" -KeyFile $key).Mode)"
    }
    Test-Step 'Connection: TLS with a pre-shared key' {
        $port = (Start-XpraAesListener -Port 0 -KeyFile $key -Transport TlsPsk).Port
        "$((Connect-XpraAes "tls-psk://127.0.0.1:$port/" -KeyFile $key).Mode)"
    }
    Test-Step 'Listener: salts and log are private' {
        $null = Start-XpraAesListener -Port 0 -KeyFile $key -StatePath (Join-Path $folder 'salts') -LogPath (Join-Path $folder 'log.txt')
        foreach ($file in @(Get-ChildItem (Join-Path $folder 'salts')) + (Get-Item (Join-Path $folder 'log.txt'))) {
            $access = Assert-Private $file
        }
        $access
    }
    Test-Step 'Gateway: a server with another key' {
        $other = (New-XpraAesKey -Path (Join-Path $folder 'other.txt')).Path
        $server = Start-XpraAesListener -Port 0 -KeyFile $other
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $key -Target "tcp://127.0.0.1:$($server.Port)/?encryption=AES&keyfile=$([uri]::EscapeDataString($other))"
        Connect-Test $gateway.Port
    }
    Test-Step 'Gateway: a local end' {
        $server = Start-XpraAesListener -Port 0 -KeyFile $key
        $uri = "tcp://127.0.0.1:$($server.Port)/?encryption=AES&keyfile=$([uri]::EscapeDataString($key))"
        $name = "check-$PID-$(Get-Random)"
        $local = if ($IsWindows) { @{ LocalPipe = $name } } else { @{ LocalSocket = Join-Path $folder 's' } }
        $end = Connect-XpraAes $uri @local
        # An xpra client would connect to it without AES: here a gateway does, for a client of ours.
        $gateway = Start-XpraAesListener -Port 0 -KeyFile $key -Target $end.AttachUri
        $null = Get-Failure PortInUse { Connect-XpraAes $uri @local }
        "$($end.AttachUri), $(Connect-Test $gateway.Port)"
    }
    Test-Step 'Gateway: only you can use its pipe' {
        if (-not $IsWindows) {
            Skip-Step 'Named pipes are of Windows.'
        }
        $name = Open-TestPipe
        $pipe = [System.IO.Pipes.NamedPipeClientStream]::new('.', "Xpra\$name", 'InOut', 'Asynchronous')
        try {
            $pipe.Connect(5000)
            $rules = [System.IO.Pipes.PipesAclExtensions]::GetAccessControl($pipe).GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])
        }
        finally {
            $pipe.Dispose()
        }
        $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
        Assert-Equal $identity.Owner (($rules.IdentityReference.Value | Sort-Object -Unique) -join ' ') -What 'Who may use it'
        "$($identity.Owner)"
    }
    Test-Step 'Gateway: its pipe cannot be taken over' {
        if (-not $IsWindows) {
            Skip-Step 'Named pipes are of Windows.'
        }
        $name = Open-TestPipe
        try {
            [System.IO.Pipes.NamedPipeServerStream]::new("Xpra\$name", 'InOut', -1, 'Byte', 'FirstPipeInstance').Dispose()
        }
        catch [System.Management.Automation.MethodInvocationException] {
            Assert-Equal UnauthorizedAccessException $_.Exception.InnerException.GetType().Name -What 'The exception'
            return $_.Exception.InnerException.Message
        }
        throw 'The system made a second first instance.'
    }

    Test-Step 'Diagnosis: the right key' {
        $port = (Start-XpraAesListener -Port 0 -KeyFile $key).Port
        Assert-Equal $true (Test-XpraAes "tcp://127.0.0.1:$port/" -KeyFile $key -Quiet) -What 'The verdict'
    }
    Test-Step 'Diagnosis: a wrong key is found' {
        $port = (Start-XpraAesListener -Port 0 -KeyFile $key).Port
        $wrong = (New-XpraAesKey -Path (Join-Path $folder 'wrong.txt')).Path
        $finding = Test-XpraAes "tcp://127.0.0.1:$port/" -KeyFile $wrong | Where-Object Result -EQ Failed | Select-Object -First 1
        Assert-Equal Key $finding.Check -What 'What has failed'
        "$($finding.Finding)"
    }
    Test-Step 'Diagnosis: nobody listens' {
        $port = ($listener = Start-XpraAesListener -Port 0 -KeyFile $key).Port
        $listener | Stop-XpraAesListener
        Get-Failure ConnectionRefused { Connect-XpraAes -ComputerName 127.0.0.1 -Port $port -KeyFile $key }
    }
}
finally {
    Remove-Item $folder -Recurse
}
if ($failed) {
    exit 1
}
