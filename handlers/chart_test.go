package handlers

import (
	"strings"
	"testing"
	"time"

	"importbot/imports"
)

// Durations are drawn as precisely as the longest asks for, and the shortest still shows. What began in the same minute is told apart by
// the second.
func TestChartPrecision(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		long, short time.Duration
		want        string
	}{
		{39200 * time.Millisecond, 400 * time.Millisecond, "22 Jun 02:14 = 39; 22 Jun 02:14:20 = 0.4;"},
		{6240 * time.Millisecond, 20 * time.Millisecond, "22 Jun 02:14 = 6.2; 22 Jun 02:14:20 = 0.1;"},
		{5*time.Minute + 30*time.Second, 20 * time.Second, "22 Jun 02:14 = 5.5; 22 Jun 02:14:20 = 0.3;"},
		{42*time.Minute + 20*time.Second, 20 * time.Second, "22 Jun 02:14 = 42; 22 Jun 02:14:20 = 0.3;"},
	} {
		first := with(over(imports.Succeeded), func(i *imports.Import) { i.EndedAt = i.BegunAt.Add(tc.long) })
		second := with(over(imports.Succeeded), func(i *imports.Import) {
			i.BegunAt = i.BegunAt.Add(20 * time.Second)
			i.EndedAt = i.BegunAt.Add(tc.short)
		})
		if block, _ := chartOf("prod", []imports.Import{second, first}, time.UTC); !strings.Contains(readableBlock(block), tc.want) {
			t.Errorf("%s and %s are drawn as %s", tc.long, tc.short, readableBlock(block))
		}
	}
}
