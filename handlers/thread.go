package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// Store is what the commands and the publisher need of the database. internal/store implements it.
type Store interface {
	// Unpublished returns the ids of at most limit imports whose thread is behind: there is none yet, the import has a
	// newer revision or more followers than the thread took account of, or unfinished work in it is due. Imports
	// whose start is only accepted are not listed: they are shown by Announce. Ended ones come first.
	Unpublished(ctx context.Context, limit int) ([]string, error)
	// Import returns one import with its followers; imports.ErrNotFound where there is none.
	Import(ctx context.Context, id string) (imports.Import, error)
	// Recent returns begun or ended imports of a server, newest first.
	Recent(ctx context.Context, server string, n int) ([]imports.Import, error)
	// Succeeded returns the newest n imports of a type that succeeded on a server, newest first.
	Succeeded(ctx context.Context, server string, t bigfix.ImportType, n int) ([]imports.Import, error)
	// History returns the imports of a server that began or ended in a time, oldest first.
	History(ctx context.Context, server string, from, to time.Time) ([]imports.Import, error)
	// Watched returns when a server was watched in a time.
	Watched(ctx context.Context, server string, from, to time.Time) ([]imports.Watched, error)
	// Mutes returns the mutes that hold, and some that ended lately.
	Mutes(ctx context.Context) ([]imports.Mute, error)
	// Active returns a server's imports that have not ended, oldest first.
	Active(ctx context.Context, server string) ([]imports.Import, error)
	// Server returns what is known of a server; the zero value when it was never seen.
	Server(ctx context.Context, name string) (imports.Server, error)
	// Expired returns the starts of a server that expired at or after a time, oldest first.
	Expired(ctx context.Context, server string, since time.Time) ([]imports.Import, error)
	// Answered notes that the person who asked has been answered.
	Answered(ctx context.Context, importID string, at time.Time) error
	// Thread returns what is noted of an import's thread; one without a body when nothing is.
	Thread(ctx context.Context, importID string) (imports.Thread, error)
	// SaveThread notes it. It returns imports.ErrNotLeader when the epoch is not the store's any more.
	SaveThread(ctx context.Context, epoch imports.Epoch, t imports.Thread) error
	// Notice returns a notice; imports.ErrNotFound where there is none with that id. Notices returns those that are not done.
	Notice(ctx context.Context, id string) (imports.Notice, error)
	Notices(ctx context.Context) ([]imports.Notice, error)
	// SaveNotice stores one, new or changed. It returns imports.ErrNotLeader when the epoch is not the store's any more.
	SaveNotice(ctx context.Context, epoch imports.Epoch, n imports.Notice) error
}

// thread is what Slack shows of one import, as far as is known. It is kept as the body of an imports.Thread.
type thread struct {
	id string // of the import
	// asked is how often somebody wanted a fresh card, refreshed how many of these wishes have been taken account of. The store
	// keeps them beside the rest.
	asked, refreshed int64

	// Card is the import's message in the channel. Finished answers to it, and so do the milestones.
	Card, Finished Post
	// Milestones are what was told in the thread, each with the index of the notice it told.
	Milestones []Milestone
	// Heard is how many of the import's notices have been dealt with, told or passed over.
	Heard int
	// Direct has the finished message for each person it had to go to by direct message.
	Direct map[string]Post
	// Answer is the direct message with the answer, for a person who did not get it another way.
	Answer Post

	// Face is what the card shows now.
	Face Face
	// Messages counts the posts made in the channel, Edits the edits of the card: both with the attempts that Slack may
	// have taken.
	Messages, Edits int
	// LastEdits counts the edits that were to show the last state.
	LastEdits int
	// EditedAt is when the card was last edited, ToldAt when the last milestone was told.
	EditedAt, ToldAt time.Time
	// RefreshedAt is when the card was last edited because somebody wanted it fresh. Those edits are not counted among the others.
	RefreshedAt time.Time `json:",omitzero"`
	// Refused is when the channel last refused a message, zero after it took one.
	Refused time.Time
	// Reposted says that the card was posted afresh because it was gone.
	Reposted bool
	// CardGone says that the card is gone and is let be.
	CardGone bool
	// Alerted says that the end notice tells the alert of this import: it mentions who is on call.
	Alerted bool
}

// decode reads a stored thread.
func decode(stored imports.Thread) (thread, error) {
	t := thread{id: stored.ImportID, asked: stored.Asked, refreshed: stored.Refreshed}
	if len(stored.Body) == 0 {
		return t, nil
	}
	if err := json.Unmarshal(stored.Body, &t); err != nil {
		return t, fmt.Errorf("reading the thread of import %s: %w", stored.ImportID, err)
	}
	return t, nil
}

// encode makes the stored form of a thread, with the work that is left: none when due is nil.
func (t thread) encode(imp imports.Import, followers int, due *time.Time) (imports.Thread, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return imports.Thread{}, fmt.Errorf("writing the thread of import %s: %w", t.id, err)
	}
	stored := imports.Thread{
		ImportID: imp.ID, Shown: imp.Revision, Followers: followers, Asked: t.asked, Refreshed: t.refreshed, Done: due == nil, Body: body,
	}
	if due != nil {
		stored.NextTry = *due
	}
	return stored, nil
}

// Milestone is a milestone's post.
type Milestone struct {
	Notice int // index in Import.Milestones
	Post
}

// PostState is where a post stands.
type PostState string

const (
	// Pending: not sent, or certainly not taken by Slack. The zero value, so that an empty thread has everything to do.
	Pending PostState = ""
	// Sending: recorded before it was posted. Found so later, Slack may have it or not.
	Sending PostState = "sending"
	// Sent: Slack confirmed it.
	Sent PostState = "sent"
	// GivenUp: it will not be sent any more.
	GivenUp PostState = "given_up"
)

// Post is one message to Slack.
type Post struct {
	State   PostState `json:",omitempty"`
	Channel string    `json:",omitempty"` // as Slack answered: for direct messages the D… channel
	TS      string    `json:",omitempty"`
	// At is when it was first recorded as sending, and once it is sent, when Slack confirmed it.
	At time.Time
	// Attempts counts the times that it was sent, also those whose answer was lost.
	Attempts int `json:",omitempty"`
	// Unsure counts those of them that Slack may have taken and did not confirm. Again is until when it is not sent
	// once more because of them.
	Unsure int       `json:",omitempty"`
	Again  time.Time `json:",omitzero"`
	// Plain says that Slack called the blocks invalid: the text goes alone.
	Plain bool `json:",omitempty"`
}

// over says whether nothing is left to do about a post.
func (p Post) over() bool { return p.State == Sent || p.State == GivenUp }

// unheard says whether it was left without an answer as often as it is sent blindly, which counts as a refusal by its channel. The
// process that waited for that answer may have died with it and noted nothing more.
func (p Post) unheard() bool { return p.State == Sending && p.Unsure >= blindly }

// Face is what a card shows, as far as it decides whether an edit is due.
type Face struct {
	State    imports.State
	Outcome  imports.Outcome
	Lost     bool
	Progress int // -1: none
	// TrueUntil is when what the card says of the rest of the way must be looked at again; zero for never.
	TrueUntil time.Time `json:",omitzero"`
	// Still says that the card says that the import stands still.
	Still bool `json:",omitempty"`
	// Looked is the last look that it shows, zero once the import is over. A newer one alone is not worth an edit, unless somebody
	// asks for it.
	Looked time.Time `json:",omitzero"`
}

// faceOf is the face that an import's card should have. Before an import is seen running its card has one face: what
// changes within seconds is not worth an edit.
func faceOf(imp imports.Import) Face {
	f := Face{State: imp.State, Outcome: imp.Outcome, Lost: !imp.Lost.IsZero(), Progress: -1, Looked: imp.LastLook}
	switch {
	case imp.State == imports.Accepted || imp.State == imports.Sending:
		f.State = imports.Sent
	case imp.State == imports.Ended:
		f.Lost, f.Looked = false, time.Time{}
	}
	if imp.Progress != nil {
		f.Progress = *imp.Progress
	}
	return f
}

// face is the face of the card that is drawn of a scene.
func (s scene) face() Face {
	f := faceOf(s.imp)
	f.TrueUntil, f.Still = s.trueUntil(), s.still()
	return f
}

// sameState says whether two faces differ in their progress, what is said of the rest of the way, and the last look, at most.
func (f Face) sameState(other Face) bool {
	f.Progress, other.Progress = 0, 0
	f.TrueUntil, other.TrueUntil = time.Time{}, time.Time{}
	f.Still, other.Still = false, false
	f.Looked, other.Looked = time.Time{}, time.Time{}
	return f == other
}

// untrueFrom is from when what a card with this face says of the rest of the way is not true any more of an import with the other one;
// ok is false where it stays true until something changes.
func (f Face) untrueFrom(other Face, now time.Time) (from time.Time, ok bool) {
	if f.Still && f.Progress != other.Progress {
		return now, true
	}
	return f.TrueUntil, !f.TrueUntil.IsZero()
}

// shows says whether a card with this face shows all that is known now of an import with the other one.
func (f Face) shows(other Face, now time.Time) bool {
	return f.sameState(other) && f.Progress == other.Progress && f.Looked.Equal(other.Looked) && (f.TrueUntil.IsZero() || now.Before(f.TrueUntil))
}
