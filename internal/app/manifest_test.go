package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"importbot/internal/slacksim"
)

// The simulated Slack takes the manifest as it is printed, and the app has what it needs and nothing else.
func TestSlackTakesTheManifest(t *testing.T) {
	for name, tc := range map[string]struct {
		environ []string
		command string
		scopes  []string
	}{
		"people named": {nil, "/import", []string{"commands", "chat:write", "chat:write.public"}},
		"a user group": {[]string{"SLACK_COMMAND=/data-import", "IMPORT_OPERATORS=S012345"}, "/data-import", []string{"commands", "chat:write", "chat:write.public", "usergroups:read", "users:read"}},
		"everybody":    {[]string{"IMPORT_OPERATORS=*"}, "/import", []string{"commands", "chat:write", "chat:write.public", "users:read"}},
	} {
		t.Run(name, func(t *testing.T) {
			printed := call(t, tc.environ, "manifest")
			slack, err := slacksim.Start(slacksim.WithManifest([]byte(printed.out)))
			if err != nil {
				t.Fatal(err)
			}
			defer slack.Close()
			want := slacksim.App{
				Name: "Importbot", Description: "Runs and watches BigFix Inventory data imports",
				Commands: []slacksim.SlashCommand{{
					Command: tc.command, Description: "Run and watch BigFix Inventory data imports",
					UsageHint: "status | history | raw | complete | cancel | mute 2h [REASON] | unmute | status all | raw after | complete after | help",
				}},
				HomeTab: true, MessagesTab: true, MessagesReadOnly: true, Interactive: true,
				Events: []string{"app_home_opened"}, Scopes: tc.scopes,
			}
			if diff := cmp.Diff(want, slack.App()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
