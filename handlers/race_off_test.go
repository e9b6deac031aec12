//go:build !race

package handlers

const underRace = false
