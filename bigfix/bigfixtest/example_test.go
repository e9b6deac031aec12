package bigfixtest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// Any HTTP client will do. This one starts an import and sees it run.
func Example() {
	clock := bigfixtest.NewClock(noon)
	srv := bigfixtest.NewServer(bigfixtest.WithClock(clock))
	defer srv.Close()
	get := func(query string) {
		resp, err := http.Get(srv.URL + "/api/import_status.json?format=json&token=" + srv.Token + query)
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.24s…\n", body)
	}
	defer http.DefaultClient.CloseIdleConnections()

	get("")
	get("&run=complete")
	clock.Advance(42 * time.Minute)
	get("")
	for _, imp := range srv.Journal().Imports {
		fmt.Println(imp.ID, imp.Type, imp.Origin, imp.Outcome, "after", imp.Ended.Sub(imp.Began))
	}
	// Output:
	// {"mode":"idle","can_run_…
	// {"mode":"running","can_r…
	// {"mode":"idle","can_run_…
	// 1 complete requested succeeded after 42m0s
}

// A program that says "finished" here believes too easily: the server was
// restarted in mid-import and says nothing of it ever after.
func ExampleSim() {
	sim := bigfixtest.NewSim(noon)
	now := noon
	before, _ := sim.Status(now)
	_, _ = sim.Run(now, bigfix.TypeComplete)
	sim.RestartAt(now.Add(20*time.Minute), 3*time.Minute)
	for range 3 {
		now = now.Add(11 * time.Minute)
		s, err := sim.Status(now)
		fmt.Printf("%s %q moved: %t, error: %v\n", now.Format("15:04"), s.Mode, s.LastImportTime.After(before.LastImportTime), err)
	}
	truth, _ := sim.Latest(now)
	fmt.Println("in truth:", truth.Outcome, truth.Ended.Format("15:04"))
	// Output:
	// 12:11 "running" moved: false, error: <nil>
	// 12:22 "" moved: false, error: bigfix: status: unavailable: connection refused
	// 12:33 "idle" moved: false, error: <nil>
	// in truth: interrupted 12:20
}

// The course of every import can be told: here, every second one fails.
func ExampleWithPlan() {
	sim := bigfixtest.NewSim(noon,
		bigfixtest.WithDoubts(bigfixtest.Doubts{FailureWord: "error"}),
		bigfixtest.WithPlan(func(imp bigfixtest.Import) bigfixtest.Plan {
			return bigfixtest.Plan{Duration: time.Hour, Fails: imp.ID%2 == 0}
		}))
	for day := range 4 {
		s, _ := sim.Status(noon.AddDate(0, 0, day))
		fmt.Println(s.LastImportTime.Format(time.DateTime), s.LastStatus)
	}
	// Output:
	// 2026-03-04 00:42:00 successful
	// 2026-03-05 01:00:00 successful
	// 2026-03-06 01:00:00 error
	// 2026-03-07 01:00:00 successful
}

// Faults strike the requests they are meant for. The journal tells what came
// of each.
func ExampleServer_Fail() {
	srv := bigfixtest.NewServer()
	defer srv.Close()
	srv.Fail(bigfixtest.Fault{On: bigfixtest.Runs, Answer: bigfixtest.Answer502, Taken: true, Times: 1})
	c, err := bigfix.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Status(context.Background())
	_, _ = c.Start(context.Background(), bigfix.TypeRaw)

	for _, r := range srv.Journal().Requests {
		fmt.Printf("%d %s run=%q: %d %q\n", r.N, r.Path, r.Run, r.Status, r.Did)
	}
	// Output:
	// 1 /api/import_status.json run="": 200 ""
	// 2 /api/import_status.json run="raw_only": 502 "started import 1"
}

// Doubts can be changed while the server runs.
func ExampleSim_Set() {
	sim := bigfixtest.NewSim(noon)
	sim.Set(func(d *bigfixtest.Doubts) { d.StartLag = time.Minute })
	answer, _ := sim.Run(noon, bigfix.TypeRaw)
	later, _ := sim.Status(noon.Add(time.Minute))
	fmt.Println(answer.Mode, later.Mode)
	// Output: idle running
}

// A thousand nights on a thousand servers that differ in all that nobody knows.
func ExampleRandom() {
	outcomes := make(map[bigfixtest.Outcome]int)
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := bigfixtest.Random(r)
		d.ScheduleDead = false
		sim := bigfixtest.NewSim(noon, bigfixtest.WithDoubts(d), bigfixtest.WithSeed(seed),
			bigfixtest.WithPlan(func(bigfixtest.Import) bigfixtest.Plan {
				return bigfixtest.Plan{Fails: r.IntN(10) == 0}
			}))
		for _, imp := range sim.Imports(noon.AddDate(0, 0, 1)) {
			if imp.Origin == bigfixtest.Scheduled {
				outcomes[imp.Outcome]++
			}
		}
	}
	fmt.Println("nights:", outcomes[bigfixtest.Succeeded]+outcomes[bigfixtest.Failed])
	// Output: nights: 1000
}
