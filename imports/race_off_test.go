//go:build !race

package imports

const underRace = false

// UnderRace is for the tests from outside.
const UnderRace = underRace
