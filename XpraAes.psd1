@{
    RootModule           = 'XpraAes.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = '756a309f-208e-4c6b-a8ee-c3b806f866b0'
    Author               = 'XpraAes contributors'
    CompanyName          = 'Community'
    Copyright            = '(c) XpraAes contributors. MIT license.'
    Description          = "Speaks xpra's AES packet encryption from PowerShell: makes and checks keys, opens AES listeners, connects to AES servers, and shows what cipher every connection really uses."
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('XpraAes.format.ps1xml')
    TypesToProcess       = @('XpraAes.types.ps1xml')
    CmdletsToExport      = @(
        'Connect-XpraAes'
        'ConvertTo-XpraCommandLine'
        'Disconnect-XpraAes'
        'Disconnect-XpraClient'
        'Export-XpraAesPsk'
        'Export-XpraSessionFile'
        'Get-XpraAesConnection'
        'Get-XpraAesKey'
        'Get-XpraAesListener'
        'Get-XpraCipherInfo'
        'Get-XpraClient'
        'Get-XpraInfo'
        'Get-XpraWindow'
        'Invoke-XpraControl'
        'New-XpraAesCertificate'
        'New-XpraAesKey'
        'Save-XpraScreenshot'
        'Send-XpraFile'
        'Send-XpraNotification'
        'Set-XpraAesListener'
        'Start-XpraAesListener'
        'Start-XpraApplication'
        'Stop-XpraAesListener'
        'Stop-XpraServer'
        'Test-XpraAes'
        'Test-XpraAesConfiguration'
        'Watch-XpraAes'
    )
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{
        PSData = @{
            Tags         = @('xpra', 'AES', 'encryption', 'remote-desktop', 'X11', 'PSEdition_Core', 'Linux', 'Windows', 'MacOS')
            LicenseUri   = 'https://opensource.org/license/mit'
            ProjectUri   = 'https://github.com/XpraAes/XpraAes'
            ReleaseNotes = 'See CHANGELOG.md. First version: keys, listeners, connections and cipher information.'
        }
    }
}
