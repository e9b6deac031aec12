package handlers

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bot"
)

// Groups tells who belongs to a user group; *bot.Bot does.
type Groups interface {
	GroupMembers(ctx context.Context, groupID string) ([]string, error)
}

const (
	// refreshEvery is how often the members of the groups are asked for. After a failure they are asked for again after
	// a second, then less and less often.
	refreshEvery = 3 * time.Minute
	// membersHold is how long the last known members count while Slack does not tell. After that nobody does: who left
	// the group must not keep what it gave.
	membersHold = time.Hour
)

// everybody is the operator that stands for all.
const everybody = "*"

// Operators knows who may start imports. Users who are named may always; members of groups as Slack last told.
type Operators struct {
	slack    Groups
	groupIDs []string
	now      func() time.Time
	log      logrus.FieldLogger

	first chan struct{} // closed by Run when every group was asked about once, whatever Slack said

	mu      sync.RWMutex
	members map[string]membership
}

type membership struct {
	users []string
	at    time.Time
}

// NewOperators warns where everybody is an operator. It asks Slack nothing before Run.
func NewOperators(servers []Server, slack Groups, now func() time.Time, log logrus.FieldLogger) *Operators {
	o := &Operators{slack: slack, now: now, log: log, members: make(map[string]membership), first: make(chan struct{})}
	if o.now == nil {
		o.now = time.Now
	}
	if o.log == nil {
		o.log = logrus.StandardLogger()
	}
	for _, srv := range servers {
		for _, who := range srv.Operators {
			switch {
			case who == everybody:
				o.log.WithField("server", srv.Name).Warn("Everybody in this workspace may start imports: the operators are \"*\"")
			case isGroup(who) && !slices.Contains(o.groupIDs, who):
				o.groupIDs = append(o.groupIDs, who)
			}
		}
	}
	return o
}

// isGroup says whether an operator is a user group: their IDs begin with S, users' with U or W.
func isGroup(id string) bool { return strings.HasPrefix(id, "S") }

// Run asks for the members of the groups, and again every few minutes, until ctx ends. Where no group is named, Slack
// is never asked (and the scope not needed).
func (o *Operators) Run(ctx context.Context) error {
	if len(o.groupIDs) == 0 {
		<-ctx.Done()
		return nil
	}
	failures := 0
	for {
		next := refreshEvery
		for _, id := range o.groupIDs {
			if err := o.Refresh(ctx, id); err != nil {
				next = backoff(failures)
			}
		}
		if !o.asked() {
			close(o.first)
		}
		if failures++; next == refreshEvery {
			failures = 0
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// Refresh asks for the members of one group.
func (o *Operators) Refresh(ctx context.Context, group string) error {
	users, err := o.slack.GroupMembers(ctx, group)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		o.log.WithError(err).WithField("group", group).
			Warn("The members of a user group could not be had; the last known hold for an hour, then nobody")
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.members[group] = membership{users: users, at: o.now()}
	return nil
}

// asked says whether Slack was asked about every group at least once. Before that, not to know who belongs to one says
// nothing about Slack.
func (o *Operators) asked() bool {
	select {
	case <-o.first:
		return true
	default:
		return false
	}
}

// awaitAsked waits until Slack was asked about every group, or ctx ends.
func (o *Operators) awaitAsked(ctx context.Context) {
	select {
	case <-o.first:
	case <-ctx.Done():
	}
}

// May says whether a user may start imports on a server. sure is false where that hangs on a group whose members are
// not known (any more): then nobody who is only in that group may.
func (o *Operators) May(srv Server, userID string) (may, sure bool) {
	sure = true
	for _, who := range srv.Operators {
		if who == everybody || who == userID {
			return true, true
		}
		if !isGroup(who) {
			continue
		}
		users, known := o.membersOf(who)
		if slices.Contains(users, userID) {
			return true, true
		}
		sure = sure && known
	}
	return false, sure
}

// membersOf are the members of a group; known is false where Slack did not tell them within the hour.
func (o *Operators) membersOf(group string) (users []string, known bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	m, ok := o.members[group]
	if !ok || o.now().Sub(m.at) > membersHold {
		return nil, false
	}
	return m.users, true
}

// named lists operators for people.
func (o *Operators) named(p pen, ids []string) string { return o.listed(p, ids, "and") }

// listed is named with a word before the last one.
func (o *Operators) listed(p pen, ids []string, before string) string {
	var out []string
	for _, id := range ids {
		switch {
		case id == everybody:
			out = append(out, "everybody")
		case isGroup(id):
			out = append(out, p.group(id))
		default:
			out = append(out, p.user(id))
		}
	}
	if len(out) == 0 {
		return "nobody"
	}
	return list(out, before)
}

// groups lists the groups among operators.
func (o *Operators) groups(p pen, ids []string) string {
	var out []string
	for _, id := range ids {
		if isGroup(id) {
			out = append(out, p.group(id))
		}
	}
	return list(out, "and")
}

// group mentions a user group.
func (p pen) group(id string) string { return "<!subteam^" + bot.Escape(id) + ">" }
