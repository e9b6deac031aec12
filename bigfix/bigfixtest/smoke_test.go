package bigfixtest_test

import (
	"testing"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

func TestSmoke(t *testing.T) {
	srv := bigfixtest.NewServer()
	defer srv.Close()
	c, err := bigfix.New(srv.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		s, err := c.Status(t.Context())
		t.Logf("%+v %v", s, err)
	}
	s, err := c.Start(t.Context(), bigfix.TypeRaw)
	t.Logf("%+v %v", s, err)
	t.Logf("%+v", srv.Journal())
}
