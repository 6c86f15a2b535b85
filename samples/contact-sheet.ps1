#Requires -Version 7.4
<#
.SYNOPSIS
A page with a picture of every session: SHEET/index.html, with the screenshots beside it.

.DESCRIPTION
HOSTS is a CSV file with a column Uri, and Mode, KeyFile and others where they differ. A session that no client shows has no
picture; the page says why.

.EXAMPLE
./contact-sheet.ps1 -HostsPath hosts.csv -SheetPath sheet
#>
param(
    [Parameter(Mandatory)] [string] $HostsPath,
    [Parameter(Mandatory)] [string] $SheetPath
)

if (-not (Get-Module XpraAes)) {
    Import-Module "$PSScriptRoot/../XpraAes.psd1"
}

$null = New-Item -Path $SheetPath -ItemType Directory -Force
$pictures = Import-Csv $HostsPath | Save-XpraScreenshot -Path "$SheetPath/{0:host}-{0:port}.png" -Force -ErrorAction SilentlyContinue -ErrorVariable failed

# What comes from servers is text, not markup.
$figures = foreach ($picture in $pictures) {
    '<figure><img src="{0}" width="480"><figcaption>{1}</figcaption></figure>' -f [uri]::EscapeDataString($picture.Name), [System.Net.WebUtility]::HtmlEncode($picture.BaseName)
}
$problems = foreach ($failure in $failed) {
    '<li>{0}</li>' -f [System.Net.WebUtility]::HtmlEncode("$failure")
}
@"
<!DOCTYPE html>
<meta charset="utf-8">
<title>xpra sessions, $(Get-Date -Format 'yyyy-MM-dd HH:mm')</title>
<style>body { font-family: sans-serif } figure { display: inline-block; margin: 8px }</style>
$($figures -join "`n")
<ul>
$($problems -join "`n")
</ul>
"@ | Set-Content "$SheetPath/index.html"
Get-Item "$SheetPath/index.html"
