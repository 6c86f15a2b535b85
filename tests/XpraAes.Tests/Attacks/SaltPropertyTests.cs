using System.Globalization;
using XpraAes.Ciphers;
using XpraAes.Connections;
using XpraAes.Handshake;
using XpraAes.Listening;
using XpraAes.Tests.Keys;
using XpraAes.Tests.Listening;
using XpraAes.Transports;

namespace XpraAes.Tests.Attacks;

/// <summary>In random sequences of clients, attackers and restarts, no salt of a key is ever used in two contexts. A failure reports the seed that reproduces it.</summary>
[Collection(LoopbackCollection.Name)]
[Trait("Category", "Reliability")]
public sealed class SaltPropertyTests : IDisposable
{
    private const int Scripts = 12, Steps = 40;

    private static readonly Limits s_limits = new() { FailuresBeforeBlock = 100_000, DelayPerFailure = TimeSpan.Zero, CloseGrace = TimeSpan.FromMilliseconds(50), UnprovenConnectionsPerSource = 1_000, UnprovenConnections = 1_000, RememberedSalts = 1_000 };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_salt_of_a_key_is_ever_used_in_two_contexts()
    {
        for (var seed = 1; seed <= Scripts; seed++)
        {
            using var script = new Script(seed, _folder[seed.ToString(CultureInfo.InvariantCulture)]);
            try
            {
                await script.RunAsync();
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                throw new InvalidOperationException($"Seed {seed}: {e.Message}", e);
            }
            Assert.All(script.Uses, use => Assert.True(use.Value == 1, $"Seed {seed}: a salt was used {use.Value} times."));
            Assert.InRange(script.Uses.Count, 10, int.MaxValue);
        }
    }

    private sealed class Script(int seed, string state) : IDisposable
    {
        private readonly Random _random = new(seed);
        private readonly XpraKey _key = XpraKey.Generate();
        private readonly List<byte[]> _seen = []; // salts that an attacker may have seen
        private readonly List<FakePeer> _sessions = [];

        /// <summary>The number of contexts in which each salt was used: a listener's answer under a client's salt, or a client's packets under a listener's.</summary>
        public Dictionary<string, int> Uses { get; } = [];

        public void Dispose() => _key.Dispose();

        public async Task RunAsync()
        {
            var listener = Start();
            try
            {
                for (var i = 0; i < Steps; i++)
                {
                    switch (_random.Next(10))
                    {
                        case 0:
                            await CloseSessionsAsync();
                            await listener.StopAsync(TimeSpan.Zero);
                            SaltMemory.Of(_key).Clear();
                            listener = Start();
                            break;
                        case 1:
                            listener.Reconfigure(options => options with { Modes = [.. Enum.GetValues<AesMode>().OrderBy(_ => _random.Next())] });
                            break;
                        case 2:
                            await using (var connection = await XpraConnector.ConnectAsync(new ConnectOptions { Endpoint = new XpraEndpoint(TransportKind.Tcp, "127.0.0.1", listener.Port), Key = _key, Mode = Mode(), Timeout = Loopback.HelloTimeout }))
                            {
                                foreach (var row in connection.GetCipherInfo())
                                    RecordUse(Convert.FromHexString(row.Salt!));
                            }
                            break;
                        case 3 or 4:
                            await OpenAsync(listener);
                            break;
                        case 5:
                            await CloseSessionsAsync();
                            break;
                        default:
                            await AskAsync(listener);
                            break;
                    }
                }
            }
            finally
            {
                await CloseSessionsAsync();
                await listener.StopAsync(TimeSpan.Zero);
            }
        }

        private AesListener Start() => AesListener.Start(new ListenerOptions { Key = _key, Modes = Enum.GetValues<AesMode>(), Limits = s_limits, StatePath = state });

        private AesMode Mode() => (AesMode)_random.Next(4);

        /// <summary>A stock client's session, which proves the key.</summary>
        private async Task OpenAsync(AesListener listener)
        {
            var peer = await FakePeer.ConnectAsync(listener.Port, _key);
            _sessions.Add(peer);
            byte[] salt = [];
            var (_, asked) = await peer.OpenSessionAsync(Generation.Named("6.1"), Mode(), hello => salt = hello.GetDictionary("encryption")!.GetBytes("key_salt")!);
            RecordUse(salt);
            await peer.SendAsync("ping", 1L);
            await peer.ReceiveAsync("ping_echo");
            RecordUse(asked.Salt.ToArray());
        }

        /// <summary>A client without the key, with a salt that it has seen or one of its own.</summary>
        private async Task AskAsync(AesListener listener)
        {
            // Its own salts may be reused after a restart, as nothing of anyone else's is encrypted under them.
            var salt = _seen.Count == 0 || _random.Next(4) == 0 ? UnauthenticatedHello.NewSalt() : _seen[_random.Next(_seen.Count)];
            var hello = new UnauthenticatedHello(salt)
            {
                Mode = Mode(),
                IV = _random.Next(2) == 0 ? "ABCDEFGHIJKLMNOP" : "QRSTUVWXYZabcdef",
                Iterations = _random.Next(2) == 0 ? 1_000 : 10_000,
                IsFlat = _random.Next(2) == 0,
                OverWebSocket = _random.Next(4) == 0,
                More = _random.Next(3) == 0 ? [("request", "connect_test"), ("connect_test_request", "00")] : [],
            };
            if ((await hello.SendAsync(listener.Endpoint)).EncryptedBytes > 0)
                RecordUse(salt, isOwnSalt: true);
        }

        private void RecordUse(byte[] salt, bool isOwnSalt = false)
        {
            var name = Convert.ToHexString(salt);
            Uses[name] = Uses.GetValueOrDefault(name) + 1;
            if (!isOwnSalt)
                _seen.Add(salt);
        }

        private async Task CloseSessionsAsync()
        {
            foreach (var session in _sessions)
                await session.DisposeAsync();
            _sessions.Clear();
        }
    }
}
