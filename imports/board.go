package imports

import (
	"slices"
	"sync"
)

// Board holds the last that is known of each server in memory, for answers that can't wait for a database: the last
// look, and the imports that have not ended. The engine of the leader writes on it after each step. The zero value is
// ready; it is safe for concurrent use.
type Board struct {
	mu   sync.RWMutex
	rows map[string]boardRow
}

type boardRow struct {
	server Server
	active []Import
}

// Server returns what is known of a server; ok is false before its first look.
func (b *Board) Server(name string) (srv Server, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	row, ok := b.rows[name]
	return row.server, ok
}

// Active returns the imports of a server that have not ended, oldest first. Their Followers are as of the last time
// the store was read.
func (b *Board) Active(name string) []Import {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.rows[name].active)
}

// Set replaces what is known of a server.
func (b *Board) Set(srv Server, active []Import) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rows == nil {
		b.rows = make(map[string]boardRow)
	}
	b.rows[srv.Name] = boardRow{server: srv, active: slices.Clone(active)}
}
