//go:build race

package imports

const underRace = true

// UnderRace is for the tests from outside.
const UnderRace = underRace
