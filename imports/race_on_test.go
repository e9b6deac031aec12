//go:build race

package imports

const underRace = true
