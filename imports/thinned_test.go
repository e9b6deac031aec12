package imports

// Thinned leaves most cases of a long list to the run without the race detector, under which they cost five times as much: .ci/run makes
// both. i is the case's place in the list.
func Thinned(i int) bool { return underRace && i%4 != 0 }
