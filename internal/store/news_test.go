package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"importbot/imports"
	"importbot/internal/pgtest"
)

// What one replica writes wakes those who wait for it on the others, and nobody else.
func TestOthersAreTold(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	var mine, others imports.Signal
	one := openURL(t, url, Options{Signal: &mine})
	two := openURL(t, url, Options{Signal: &others})
	awaitReplicas(t, one, 2)
	awaitReplicas(t, two, 2)
	term := mustLead(t, one, patience)
	accept := func(id string) {
		t.Helper()
		if err := acceptOne(t.Context(), one, id); err != nil {
			t.Fatal(err)
		}
	}
	accept("1")
	for _, id := range []string{"2", "0"} { // what wakes the first may still be that listening began
		told, cancel := others.Subscribe(id)
		defer cancel()
		accept(id)
		await(t, "being told of "+id, told, patience)
	}
	long := strings.Repeat("x", 100)
	many := make([]imports.Import, 100) // more than a notification can name
	for i := range many {
		many[i] = imports.Import{ID: fmt.Sprintf("many %d %s", i, long), Server: "lab", State: imports.Running, BegunAt: time.Now()}
	}
	waits := wished("waits")
	waits.State, waits.WishedAt = imports.Waiting, time.Now()
	for _, row := range []struct {
		name  string
		write func() error
		wakes []string
		not   []string
		own   bool // wakes its own replica, too
	}{
		{"Accept", func() error { return acceptOne(t.Context(), one, "3") }, []string{"3"}, []string{"1", "server/prod"}, false},
		{"Follow", func() error { return one.Follow(t.Context(), "1", "Uben", false, time.Now()) }, []string{"1"}, []string{"2", "server/prod"}, false},
		{"Record", func() error {
			return one.Record(t.Context(), term.epoch, imports.Server{Name: "prod"}, []imports.Import{wished("2")})
		}, []string{"2", "server/prod"}, []string{"1", "server/lab"}, false},
		{"Record of many", func() error { return one.Record(t.Context(), term.epoch, imports.Server{Name: "lab"}, many) },
			[]string{"many 7 " + long, "server/lab", "server/prod", "1"}, nil, false},
		{"Refresh", func() error {
			_, err := one.Refresh(t.Context(), many[7].ID)
			return err
		}, []string{many[7].ID}, []string{"1", "server/prod"}, false},
		{"Accept of one that waits", func() error {
			_, _, err := one.Accept(t.Context(), waits)
			return err
		}, []string{"waits", "server/prod"}, []string{"1", "server/lab"}, false},
		{"Change", func() error {
			ended := waits
			ended.State, ended.Outcome = imports.Ended, imports.Cancelled
			_, err := one.Change(t.Context(), 0, ended, imports.Waiting)
			return err
		}, []string{"waits", "server/prod"}, []string{"1", "server/lab"}, true},
		{"Mute", func() error {
			return one.Mute(t.Context(), imports.Mute{Server: "prod", Until: time.Now().Add(time.Hour)})
		}, []string{"server/prod"}, []string{"1", "server/lab"}, true},
		{"Unmute", func() error {
			_, err := one.Unmute(t.Context(), "prod", time.Now(), "")
			return err
		}, []string{"server/prod"}, []string{"1", "server/lab"}, true},
	} {
		waits := make(map[string]<-chan struct{})
		for _, id := range append(row.wakes, row.not...) {
			c, cancel := others.Subscribe(id)
			defer cancel()
			waits[id] = c
		}
		own, cancel := mine.Subscribe()
		defer cancel()
		last, cancel := others.Subscribe("last " + row.name)
		defer cancel()
		if err := row.write(); err != nil {
			t.Fatal(err)
		}
		accept("last " + row.name) // what follows on the same channel shows that all before it arrived
		await(t, row.name, last, patience)
		for _, id := range row.wakes {
			await(t, row.name+" wakes "+id, waits[id], patience)
		}
		for _, id := range row.not {
			select {
			case <-waits[id]:
				t.Errorf("%s woke %s", row.name, id)
			default:
			}
		}
		select {
		case <-own:
			if !row.own {
				t.Errorf("%s told its own replica", row.name)
			}
		default:
			if row.own {
				t.Errorf("%s did not tell its own replica", row.name)
			}
		}
	}
}

// What was told while nobody listened is made up for.
func TestAfterAReconnectEverybodyIsWoken(t *testing.T) {
	t.Parallel()
	direct := pgtest.Server(t).Database(t)
	proxy, through := pgtest.Proxied(t, direct)
	var signal imports.Signal
	s := openURL(t, through, Options{Signal: &signal})
	awaitReplicas(t, s, 1)
	woken, cancel := signal.Subscribe("1")
	defer cancel()
	drain(woken)
	proxy.Cut()
	await(t, "waking all after the connection was cut", woken, patience)
}

func TestANotificationIsShort(t *testing.T) {
	long := notification{From: "me", IDs: []string{strings.Repeat("x", maxPayload)}}
	for _, row := range []struct {
		n    notification
		want string
	}{
		{notification{From: "me", IDs: []string{"1", "server/prod"}}, `{"from":"me","ids":["1","server/prod"]}`},
		{notification{From: "me"}, `{"from":"me"}`},
		{long, `{"from":"me"}`},
	} {
		if got, err := row.n.payload(); err != nil || got != row.want {
			t.Errorf("%s, %v; want %s", got, err, row.want)
		}
	}
}

func TestReplicasComeAndGo(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	one := openURL(t, url, Options{Name: "one:1", Version: "v1"})
	awaitReplicas(t, one, 1)
	two, err := Open(t.Context(), url, Options{Name: "two:2", Version: "v2"})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	stop := runStore(t, two)
	awaitReplicas(t, one, 2)
	if got := mustReplicas(t, one); got[0].Name != "one:1" || got[1].Name != "two:2" || got[1].Version != "v2" || got[1].Seen.Before(got[1].Since) {
		t.Errorf("the replicas are %+v", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	awaitReplicas(t, one, 1)
}
