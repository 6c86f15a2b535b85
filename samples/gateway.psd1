# A gateway for several sessions: Start-XpraAesListener -ConfigurationPath gateway.psd1 -Wait
# Test-XpraAesConfiguration gateway.psd1 reports every mistake with its line.
@{
    BindAddress = 'Any'
    Port        = 10000
    KeyFile     = 'key.txt'       # beside this file, readable by the service alone
    StatePath   = 'salts'         # clients' salts outlive a restart
    LogPath     = 'gateway.log'
    Target      = @{
        'ada' = 'unix:///run/user/1000/xpra/host-100'
        'bob' = 'unix:///run/user/1001/xpra/host-101'
    }
    Limit       = @{
        UnprovenConnectionsPerSource = 32
    }
}
