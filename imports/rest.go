package imports

// percentOf is the progress that a look shows; ok is false where it shows none that makes sense.
func percentOf(o Observation) (percent int, ok bool) {
	if o.Status == nil || o.Status.Progress == nil {
		return 0, false
	}
	p := *o.Status.Progress
	return p, 0 <= p && p <= 100
}

// rest notes how long the progress has been standing still. It only counts between looks that show a percentage, and
// begins anew where there was none for as long as makes an absence: nobody knows what happened meanwhile.
func (s *step) rest() {
	now, ok := percentOf(s.look)
	if !ok {
		return
	}
	since := s.RestSince
	moved := s.Progress == nil || *s.Progress != now
	if moved || since.IsZero() || s.look.At.Before(since) || s.look.At.Sub(s.LastRun) > s.AwayAfter {
		s.RestSince = s.look.At
		return
	}
	s.LongestRest = max(s.LongestRest, s.look.At.Sub(since))
}
