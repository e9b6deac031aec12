package slackweb

import (
	"cmp"
	"net/http"
	"slices"

	"importbot/internal/slacksim"
)

// workspace is what a person's client knows before anything happens.
type workspace struct {
	Run       string    `json:"run"`
	Seq       int       `json:"seq"`
	Forgotten int       `json:"forgotten"`
	User      string    `json:"user"`
	Team      team      `json:"team"`
	App       app       `json:"app"`
	Users     []user    `json:"users"`
	People    []string  `json:"people"`
	Groups    []group   `json:"groups"`
	Channels  []channel `json:"channels"`
	Commands  []command `json:"commands"`
	Panel     bool      `json:"panel"`
}

type team struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

type app struct {
	Name        string `json:"name"`
	UserID      string `json:"user_id"`
	Description string `json:"description"`
	Home        bool   `json:"home"`
}

type user struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Title string `json:"title"`
	Bot   bool   `json:"bot"`
}

type group struct {
	ID     string `json:"id"`
	Handle string `json:"handle"`
	Mine   bool   `json:"mine"`
}

type channel struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Topic    string `json:"topic"`
	DM       bool   `json:"dm"`
	ReadOnly bool   `json:"read_only"`
}

type command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
	UsageHint   string `json:"usage_hint"`
}

func (p *Page) serveWorkspace(w http.ResponseWriter, r *http.Request) {
	userID := cmp.Or(r.URL.Query().Get("user"), p.people[0])
	if err := p.who(userID); err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, p.workspace(userID))
}

// workspace reads how many events there are before anything else: what happens meanwhile is news.
func (p *Page) workspace(userID string) workspace {
	seq, about := p.slack.Seq(), p.slack.App()
	out := workspace{
		Run: p.run, Seq: seq, Forgotten: p.slack.Forgotten(), User: userID, People: p.people, Panel: p.panel != nil,
		Team:  team{ID: p.slack.TeamID, Name: p.slack.TeamName, URL: p.slack.TeamURL},
		App:   app{Name: about.Name, UserID: p.slack.BotUserID, Description: about.Description, Home: about.HomeTab},
		Users: []user{}, Groups: []group{}, Channels: []channel{}, Commands: []command{},
	}
	for _, u := range p.slack.Users() {
		out.Users = append(out.Users, user{ID: u.ID, Name: u.Name, Title: u.Title, Bot: u.Bot})
	}
	for _, g := range p.slack.Groups() {
		out.Groups = append(out.Groups, group{ID: g.ID, Handle: g.Handle, Mine: slices.Contains(g.Members, userID)})
	}
	for _, c := range p.channels(userID, about) {
		out.Channels = append(out.Channels, channel{ID: c.ID, Name: c.Name, Topic: c.Topic, DM: c.DM, ReadOnly: c.ReadOnly})
	}
	for _, c := range about.Commands {
		out.Commands = append(out.Commands, command{Command: c.Command, Description: c.Description, UsageHint: c.UsageHint})
	}
	return out
}

// channels are those that a person is in. The direct messages with the app are there before the first of them, as in Slack.
func (p *Page) channels(userID string, about slacksim.App) []slacksim.Channel {
	if about.MessagesTab {
		p.slack.DM(userID)
	}
	return p.slack.Channels(userID)
}
