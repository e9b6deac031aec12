package bot

import (
	"fmt"
	"time"
)

// What the bot says where no handler speaks. What, how it stands, what you can do.
const (
	wordsBusy       = "I have too much to do right now and did not look at this. Nothing was done. Try again in a minute."
	wordsStopping   = "I'm being stopped or restarted and did not look at this. Nothing was done. Try again in a minute."
	wordsStarting   = "I've only just started, and Slack has not told me yet which workspace I belong to. Nothing was done. Try again in a minute."
	wordsOtherTeam  = "I work for another workspace and take nothing from this one. Nothing was done."
	wordsUnreadable = "I could not read what Slack sent me. Nothing was done. Try again; if it stays like this, tell whoever runs me to look for `%s` in the log."
	wordsFailed     = "Something went wrong on my side, and I may have done only a part of it. Look before you try again; whoever runs me finds the reason in the log under `%s`."
	wordsLate       = "I did not get to this within %s, so I left it. Nothing was done. Try again in a minute; whoever runs me finds more in the log under `%s`."
	wordsOverdue    = "This takes me longer than %s, and I can't say what becomes of it. Look before you try again; whoever runs me finds more in the log under `%s`."
	wordsOtherCmd   = "I answer to `%s`, not to `%s`. Nothing was done. Whoever runs me can change the name in `SLACK_COMMAND` or in the app's settings."
)

// short writes a duration the way a person would say it.
func short(d time.Duration) string {
	switch {
	case d >= time.Minute && d%time.Minute == 0:
		return plural(int(d/time.Minute), "minute")
	case d >= time.Second:
		return plural(int(d.Round(time.Second)/time.Second), "second")
	}
	return d.String()
}

func plural(n int, unit string) string {
	if n == 1 {
		return "a " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
