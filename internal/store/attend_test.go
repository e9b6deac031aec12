package store

import (
	"testing"
	"time"
)

func awaitReplicas(t *testing.T, s *Store, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.Shares() != n || len(mustReplicas(t, s)) != n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d shares among %+v, want %d", s.Shares(), mustReplicas(t, s), n)
		}
	}
}

func mustReplicas(t *testing.T, s *Store) []Replica {
	t.Helper()
	found, err := s.Replicas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}
