namespace XpraAes.PowerShell.Watching;

/// <summary>Shows a source on a screen until a key or a token ends it.</summary>
internal static class WatchLoop
{
    /// <summary>How long a key may wait; short enough for the hand, long enough to cost nothing.</summary>
    private static readonly TimeSpan s_keyInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs on the calling thread. The screen is left as it was before, whatever happens.</summary>
    /// <param name="source">What is shown.</param>
    /// <param name="screen">Where it is shown.</param>
    /// <param name="interval">The time between two samples.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static void Run(IWatchSource source, IWatchScreen screen, TimeSpan interval, CancellationToken cancellationToken)
    {
        var view = new WatchView();
        try
        {
            screen.Enter();
            WatchSnapshot? snapshot = null;
            var next = TimeSpan.MinValue;
            FrameStyle? drawn = null;
            while (!cancellationToken.IsCancellationRequested)
            {
                var isChanged = false;
                while (screen.ReadKey() is { } key)
                {
                    isChanged = true;
                    switch (view.Press(key))
                    {
                        case WatchAction.Quit:
                            return;
                        case WatchAction.Disconnect:
                            Disconnect(view);
                            break;
                    }
                }
                var now = WatchClock.Now;
                if (snapshot is null || now >= next)
                {
                    next = now + interval;
                    snapshot = source.Sample(now);
                    view.Update(snapshot);
                    isChanged = true;
                }
                var style = screen.Style;
                if (isChanged || style != drawn)
                {
                    drawn = style;
                    screen.Show(FrameRenderer.Draw(snapshot, view, style));
                }
                cancellationToken.WaitHandle.WaitOne(s_keyInterval);
            }
        }
        finally
        {
            screen.Leave();
        }
    }

    /// <summary>One frame with everything in it, once there are rates; null if it was cancelled before.</summary>
    public static IReadOnlyList<Line>? Once(IWatchSource source, FrameStyle style, TimeSpan interval, CancellationToken cancellationToken)
    {
        var view = new WatchView();
        while (true)
        {
            var snapshot = source.Sample(WatchClock.Now);
            if (source.HasRates)
            {
                view.Update(snapshot);
                return FrameRenderer.Draw(snapshot, view, style with { Height = 0 });
            }
            if (cancellationToken.WaitHandle.WaitOne(interval))
                return null;
        }
    }

    /// <summary>Does not wait: a peer that does not answer takes some seconds.</summary>
    private static void Disconnect(WatchView view)
    {
        var row = view.TakeAsked();
        view.Message = $"Disconnecting {row.Id}, {row.Peer}.";
        _ = Task.Run(row.Disconnect!);
    }
}
