//go:build unix && !race

package main

// raceDetector: the program under test is built as its test is.
const raceDetector = false
