package bigfixtest

// usual is the course of a complete import: quick at first, slow where the
// catalogue is matched, quick again, and long at the end. Pairs of time and
// progress, both as shares of the whole.
var usual = [...][2]float64{
	{0, 0}, {0.05, 0.04}, {0.15, 0.18}, {0.30, 0.31}, {0.45, 0.41},
	{0.60, 0.59}, {0.75, 0.74}, {0.88, 0.89}, {0.96, 0.96}, {1, 0.99},
}

// at is the progress in percent after the share done (0 to 1) of the time.
func (p Progress) at(done float64) int {
	switch p {
	case ProgressLinear:
		return int(100 * done)
	case ProgressRests:
		return int(99 * min(done*1.5, 1))
	case ProgressFallsBack:
		if done < 0.5 {
			return int(140 * done)
		}
		return int(55 + 88*(done-0.5))
	case ProgressResets:
		if done < 2.0/3 {
			return int(150 * done)
		}
		return int(300 * (done - 2.0/3))
	case ProgressJumps:
		if done < 0.95 {
			return 0
		}
		return 100
	}
	return int(100 * along(usual[:], done))
}

// reaches is the share of the time, to a thousandth, after which the progress
// is that many percent or more; 1 where it never is.
func (p Progress) reaches(percent int) float64 {
	for i := range 1000 {
		if done := float64(i) / 1000; p.at(done) >= percent {
			return done
		}
	}
	return 1
}

// along reads a line through points at x.
func along(points [][2]float64, x float64) float64 {
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if x <= b[0] {
			return a[1] + (b[1]-a[1])*(x-a[0])/(b[0]-a[0])
		}
	}
	return points[len(points)-1][1]
}
