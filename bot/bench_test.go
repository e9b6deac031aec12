package bot

import (
	"testing"
	"time"
)

// BenchmarkEnvelopeToAck types 200 commands a second for 20 seconds over a real
// WebSocket while every handler hangs, and prints how long acks took:
//
//	go test -run '^$' -bench EnvelopeToAck -benchtime 1x ./bot
func BenchmarkEnvelopeToAck(b *testing.B) {
	for b.Loop() {
		w := start(b, hanging, func(c *Config) { c.DrainWithin = time.Second })
		all := w.latencies(4000, 200)
		if len(all) != 4000 {
			b.Fatalf("%d of 4000 commands were acked", len(all))
		}
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
		b.ReportMetric(ms(all[len(all)*99/100]), "p99-ms")
		b.ReportMetric(ms(all[len(all)-1]), "max-ms")
		b.ReportMetric(float64(4000-len(all)), "lost")
	}
}
