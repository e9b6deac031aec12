package handlers

// rarely leaves most of the points and rounds of a test in which nothing runs beside anything else to the run without the race detector,
// under which they cost five times as much: .ci/run makes both. i is the point or round.
func rarely(i int) bool { return underRace && i%8 != 0 }

// rounds is how many of n rounds are played.
func rounds(n int) int {
	if underRace {
		return n / 8
	}
	return n
}
