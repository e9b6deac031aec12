// Package health says over HTTP, and to a dead man's switch, whether this process can be relied on.
//
// Two questions are kept apart, for their answers ask for different things. *Does the process live?* /healthz says so by
// answering at all; where it does not, a restart helps. *Can it be relied on?* /readyz says so, with a line a [Check];
// where it can't, a restart seldom helps: Slack, a token or the database needs looking at.
//
// A [Readiness] asks its probes, and everybody who wants to know shares what they found: /readyz, the metrics, the
// heartbeat. However often it is asked, the probes are asked once a second at most, and one that hangs is a check that
// failed.
//
//	ready := health.NewReadiness(log, health.Probe{Name: "database", Ask: func(ctx context.Context) []health.Check {
//		return []health.Check{health.Result("database", db.Ping(ctx), "answers")}
//	}})
//	server, err := health.New(health.Config{Addr: "127.0.0.1:9480", Readiness: ready, Metrics: m.Handler(), Log: log})
//	if err != nil {
//		return err // in words that name HTTP_ADDR
//	}
//	return server.Run(ctx)
//
// A [Heartbeat] is the other way round: it tells somebody outside, once a minute, that the process is ready. What it
// says by falling silent no process can say of itself: that its machine is gone.
package health
