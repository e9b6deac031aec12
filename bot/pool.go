package bot

import (
	"context"
	"sync"
)

// pool runs functions, at most max at a time, and lets at most wait more
// stand in line. Idle it costs nothing: there are no standing workers. A
// function that panics ends alone: broke is told.
type pool struct {
	max, wait int
	broke     func(panicked any)

	mu      sync.Mutex
	running int
	line    []func()
	idle    chan struct{} // closed when running falls to zero; nil when nobody waits for it
}

// verdict is what became of a function given to a pool.
type verdict int

const (
	started verdict = iota
	queued
	refused
)

// submit never blocks.
func (p *pool) submit(work func()) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.running < p.max:
		p.running++
		go p.work(work)
		return started
	case len(p.line) < p.wait:
		p.line = append(p.line, work)
		return queued
	}
	return refused
}

func (p *pool) work(next func()) {
	for next != nil {
		guard(p.broke, next)
		next = p.next()
	}
}

// guard runs a function and lets a panic in it go no further.
func guard(broke func(panicked any), f func()) {
	defer func() {
		if v := recover(); v != nil && broke != nil {
			broke(v)
		}
	}()
	f()
}

// next takes the first in line, or signs the worker off.
func (p *pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) > 0 {
		next := p.line[0]
		p.line[0] = nil
		p.line = p.line[1:]
		return next
	}
	p.running--
	if p.running == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
	return nil
}

// drain waits until nothing runs or stands in line, or until ctx ends, and
// returns how many are left.
func (p *pool) drain(ctx context.Context) (left int) {
	p.mu.Lock()
	if p.running == 0 {
		p.mu.Unlock()
		return 0
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()

	select {
	case <-idle:
		return 0
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running + len(p.line)
}
