package app

import (
	"strconv"
	"strings"
	"time"

	"importbot/imports"
)

// This file is the report as programs and spreadsheets get it. Names and meanings stay as they are; fields may be added.

type jsonReport struct {
	From    string        `json:"from"`
	To      string        `json:"to"` // the last day
	Zone    string        `json:"zone"`
	Until   time.Time     `json:"until"` // up to when it is reported: the end of the last day, or now
	Servers []jsonAccount `json:"servers"`
}

type jsonAccount struct {
	Server      string                    `json:"server"`
	DaysTotal   int                       `json:"days_total"`
	DaysCovered int                       `json:"days_covered"`
	Gaps        []jsonGap                 `json:"gaps"`
	Outcomes    map[string]int            `json:"outcomes"`
	ByType      map[string]map[string]int `json:"by_type"`
	UnderWay    int                       `json:"under_way"`
	Started     []jsonStarted             `json:"started"`
	Durations   []jsonDurations           `json:"durations"`
	Days        []jsonDay                 `json:"days"`
	Imports     []record                  `json:"imports"`
}

type jsonGap struct {
	From string `json:"from"`
	To   string `json:"to"` // the last day
	Days int    `json:"days"`
	Why  string `json:"why"` // failed, unclear, unwatched, raw, none
}

type jsonStarted struct {
	Origin   string         `json:"origin"`
	UserID   *string        `json:"user_id"`
	Imports  int            `json:"imports"`
	ByType   map[string]int `json:"by_type"`
	Outcomes map[string]int `json:"outcomes"`
}

type jsonDurations struct {
	Type          string `json:"type"`
	Imports       int    `json:"imports"`
	LowSeconds    int64  `json:"low_seconds"`
	MedianSeconds int64  `json:"median_seconds"`
	HighSeconds   int64  `json:"high_seconds"`
}

type jsonDay struct {
	Date              string `json:"date"`
	Covered           bool   `json:"covered"`
	Succeeded         int    `json:"succeeded"`
	RawOnly           int    `json:"raw_only"`
	Failed            int    `json:"failed"`
	Unclear           int    `json:"unclear"`
	WatchedSeconds    int64  `json:"watched_seconds"`
	WatchedThroughout bool   `json:"watched_throughout"`
}

func (s span) json(accounts []account) jsonReport {
	r := jsonReport{From: s.from.Format(dateForm), To: s.last.Format(dateForm), Zone: s.zone.String(), Until: s.until.Truncate(time.Second), Servers: []jsonAccount{}}
	for _, a := range accounts {
		r.Servers = append(r.Servers, a.json())
	}
	return r
}

func (a account) json() jsonAccount {
	j := jsonAccount{
		Server: a.Server, DaysTotal: len(a.Days), DaysCovered: a.Covered, UnderWay: a.Running, Outcomes: texts(a.Outcomes), ByType: map[string]map[string]int{},
		Gaps: []jsonGap{}, Started: []jsonStarted{}, Durations: []jsonDurations{}, Days: []jsonDay{}, Imports: recordsOf([][]imports.Import{a.imports}),
	}
	for t, counts := range a.ByType {
		j.ByType[typeKey(string(t))] = texts(counts)
	}
	for _, g := range a.Gaps {
		j.Gaps = append(j.Gaps, jsonGap{g.From.Format(dateForm), midnight(g.To, -1).Format(dateForm), g.Days, string(g.Why)})
	}
	for _, s := range a.Report.Started {
		j.Started = append(j.Started, jsonStarted{string(s.Origin), some(s.UserID), s.Imports, texts(s.ByType), texts(s.Outcomes)})
	}
	for _, d := range a.Report.Durations {
		j.Durations = append(j.Durations, jsonDurations{typeKey(string(d.Type)), d.N, seconds(d.Low), seconds(d.Median), seconds(d.High)})
	}
	for _, d := range a.Days {
		j.Days = append(j.Days, jsonDay{d.Date.Format(dateForm), d.Covered, d.Succeeded, d.RawOnly, d.Failed, d.Unclear, seconds(d.Watched), d.Seen})
	}
	return j
}

// typeKey names a type in an object: that of an import of which nobody knows it is "unknown".
func typeKey(t string) string {
	if t == "" {
		return "unknown"
	}
	return t
}

func texts[K ~string](counts map[K]int) map[string]int {
	all := make(map[string]int, len(counts))
	for k, n := range counts {
		all[typeKey(string(k))] = n
	}
	return all
}

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second).Seconds()) }

var dayHeader = []string{"server", "date", "covered", "gap", "succeeded", "raw_only", "failed", "unclear", "watched_seconds", "watched_throughout", "imports"}

// dayRows has a row for each day of each server. Its last cell lists the imports that ended that day, or, where they are under way, began.
func dayRows(accounts []account) [][]string {
	var rows [][]string
	for _, a := range accounts {
		for _, d := range a.Days {
			rows = append(rows, []string{a.Server, d.Date.Format(dateForm), strconv.FormatBool(d.Covered), a.gap(d), strconv.Itoa(d.Succeeded),
				strconv.Itoa(d.RawOnly), strconv.Itoa(d.Failed), strconv.Itoa(d.Unclear), strconv.FormatInt(seconds(d.Watched), 10),
				strconv.FormatBool(d.Seen), a.listed(d)})
		}
	}
	return rows
}

// gap is why a day is not covered; "" for one that is.
func (a account) gap(d imports.Day) string {
	for _, g := range a.Gaps {
		if !d.Date.Before(g.From) && d.Date.Before(g.To) {
			return string(g.Why)
		}
	}
	return ""
}

// listed is the imports of a day: type, who, seconds, outcome.
func (a account) listed(d imports.Day) string {
	var all []string
	for _, imp := range a.imports {
		at := imp.EndedAt
		if imp.State != imports.Ended {
			at = imp.BegunAt
		}
		if at.Before(d.Date) || !at.Before(d.Until) {
			continue
		}
		words := []string{shortType(imp.Type), by(imp)}
		if took, ok := imp.Duration(); ok {
			words = append(words, strconv.FormatInt(seconds(took), 10)+" s")
		}
		all = append(all, strings.Join(append(words, ended(imp)), ", "))
	}
	return strings.Join(all, "; ")
}
