package health

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
)

const (
	// ProbeWithin is how long a probe may take before its checks count as failed.
	ProbeWithin = 2 * time.Second
	// Fresh is how old a report may be when it is handed out.
	Fresh = time.Second
	// maxDetail bounds what a check says, in bytes.
	maxDetail = 500
)

// Check is one line of a report. Detail is for people and is shown to everybody who can reach the port: no secret stands
// in it.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Result is the check that an error makes: failed, with its text, or well, with the words given.
func Result(name string, err error, well string) Check {
	if err != nil {
		return Check{Name: name, Detail: err.Error()}
	}
	return Check{Name: name, OK: true, Detail: well}
}

// Probe finds out how one part of the process stands.
type Probe struct {
	// Name is the check that fails while Ask has never answered in time.
	Name string
	// Ask returns checks, always the same names in the same order, each unique among all probes. Its context ends after
	// ProbeWithin. It may be slow or hang: it is not called again before it returned.
	Ask func(ctx context.Context) []Check
}

// Report is what all probes said. It is shared: don't change its Checks.
type Report struct {
	Ready  bool
	Checks []Check
	// At is when the probes were asked.
	At time.Time
}

// Failed names the checks that failed, with what they say: "database: connection refused; slack_web_api: …".
func (r Report) Failed() string {
	var failed []string
	for _, c := range r.Checks {
		if !c.OK {
			failed = append(failed, c.Name+": "+c.Detail)
		}
	}
	return strings.Join(failed, "; ")
}

// Readiness knows whether this process can be relied on. It is safe for concurrent use.
type Readiness struct {
	log    logrus.FieldLogger
	probes []*probing

	mu      sync.Mutex
	last    Report
	asking  chan struct{} // closed when the evaluation under way is done; nil while there is none
	changed time.Time     // when last.Ready became what it is
}

// NewReadiness asks nobody yet. Without probes it is never ready: nothing is known. When being ready begins or ends, log
// says so.
func NewReadiness(log logrus.FieldLogger, probes ...Probe) *Readiness {
	r := &Readiness{log: log}
	for _, p := range probes {
		r.probes = append(r.probes, &probing{Probe: p})
	}
	return r
}

// Ready says whether all checks are well. It is false where ctx ends before that is known.
func (r *Readiness) Ready(ctx context.Context) bool {
	report, err := r.Report(ctx)
	return err == nil && report.Ready
}

// Report returns what the probes say, or said less than Fresh ago. Those who ask while they are being asked wait for the
// same answer, so it takes a little over ProbeWithin at most. The error is the context's.
func (r *Readiness) Report(ctx context.Context) (Report, error) {
	for {
		report, wait := r.current()
		if wait == nil {
			return report, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Report{}, ctx.Err()
		}
	}
}

// current returns the last report while it is fresh; else what to wait for. It begins an evaluation where none is under
// way, which belongs to nobody: one who asks and goes away takes the answer from no other.
func (r *Readiness) current() (Report, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asking != nil {
		return Report{}, r.asking
	}
	if age := time.Since(r.last.At); !r.last.At.IsZero() && age >= 0 && age < Fresh {
		return r.last, nil
	}
	r.asking = make(chan struct{})
	go func(done chan struct{}) {
		report := r.evaluate()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.note(report)
		r.asking = nil
		close(done)
	}(r.asking)
	return Report{}, r.asking
}

// evaluate asks all probes at once.
func (r *Readiness) evaluate() Report {
	ctx, cancel := context.WithTimeout(context.Background(), ProbeWithin)
	defer cancel()
	report := Report{Ready: len(r.probes) > 0}
	answers := make([][]Check, len(r.probes))
	var all sync.WaitGroup
	for i, p := range r.probes {
		all.Go(func() { answers[i] = p.ask(ctx) })
	}
	all.Wait()
	for _, checks := range answers {
		for _, c := range checks {
			c.Detail = cut(c.Detail)
			report.Ready = report.Ready && c.OK
			report.Checks = append(report.Checks, c)
		}
	}
	// By the clock on the wall: the other one stands still while a machine sleeps.
	report.At = time.Now().Round(0)
	return report
}

// note keeps a report, and logs what it changes. The first is no change: while a process starts it is not ready yet.
func (r *Readiness) note(report Report) {
	before, first := r.last.Ready, r.last.At.IsZero()
	r.last = report
	if !first && before == report.Ready {
		return
	}
	since := r.changed
	r.changed = report.At
	switch {
	case first:
	case report.Ready:
		r.log.Infof("Ready, after %s in which it was not", report.At.Sub(since).Round(time.Second))
	default:
		r.log.Warnf("Not ready: %s", report.Failed())
	}
}

// probing is a probe that may be still at work on an earlier question.
type probing struct {
	Probe
	// Touched by one evaluation at a time.
	answer chan []Check // of a question that was not answered in time
	asked  time.Time    // when that was asked
	names  []string     // of the checks it answered with
}

// ask returns the probe's checks, or the same checks failed where it does not answer before ctx ends. The answer to an
// earlier question says how things were then, so it is dropped.
func (p *probing) ask(ctx context.Context) []Check {
	for mine := false; ; {
		if p.answer == nil {
			mine = true
			answer := make(chan []Check, 1)
			p.answer, p.asked = answer, time.Now()
			go func() { answer <- p.safely(ctx) }()
		}
		select {
		case checks := <-p.answer:
			p.answer = nil
			if mine {
				p.remember(checks)
				return checks
			}
		case <-ctx.Done():
			return p.silent()
		}
	}
}

func (p *probing) remember(checks []Check) {
	p.names = p.names[:0]
	for _, c := range checks {
		p.names = append(p.names, c.Name)
	}
}

// safely keeps a probe that panics from taking the process with it: a check that can't be made has failed.
func (p *probing) safely(ctx context.Context) (checks []Check) {
	defer func() {
		if v := recover(); v != nil {
			checks = []Check{{Name: p.Name, Detail: fmt.Sprintf("the check itself failed (%T)", v)}}
		}
	}()
	return p.Ask(ctx)
}

// silent are the checks of a probe that has not answered.
func (p *probing) silent() []Check {
	names := p.names
	if len(names) == 0 {
		names = []string{p.Name}
	}
	var checks []Check
	for _, name := range names {
		checks = append(checks, Check{Name: name, Detail: fmt.Sprintf("no answer within %s", time.Since(p.asked).Round(time.Second))})
	}
	return checks
}

// cut shortens a detail that runs on, never through a character.
func cut(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	end := maxDetail
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
