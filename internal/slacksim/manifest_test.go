package slacksim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const kettleManifest = `# comments are allowed
display_information:
  name: Kettle
  description: Boils water
features:
  app_home:
    home_tab_enabled: true
    messages_tab_enabled: true
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: kettle
  slash_commands:
    - command: /boil
      description: Boil water
      usage_hint: "now | later"
      should_escape: false
oauth_config:
  scopes:
    bot:
      - commands
      - chat:write
settings:
  event_subscriptions:
    bot_events:
      - app_home_opened
  interactivity:
    is_enabled: true
  socket_mode_enabled: true
`

func TestAppIsInstalledFromItsManifest(t *testing.T) {
	s := workspace(t, WithManifest([]byte(kettleManifest)))
	want := App{
		Name: "Kettle", Description: "Boils water", HomeTab: true, MessagesTab: true, MessagesReadOnly: true, Interactive: true,
		Commands: []SlashCommand{{Command: "/boil", Description: "Boil water", UsageHint: "now | later"}}, Events: []string{"app_home_opened"},
		Scopes: []string{"commands", "chat:write"},
	}
	if diff := cmp.Diff(want, s.App()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want.Commands, s.SlashCommands()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := api(t, s, "auth.test", nil); got.str("user") != "kettle" {
		t.Errorf("the bot is %v", got.body)
	}
	if got := api(t, s, "usergroups.list", nil); got.str("error") != "missing_scope" {
		t.Errorf("without the scope: %v", got.body)
	}
	if _, err := s.Type(Typed{UserID: "U1", ChannelID: "C1", Command: "/brew"}); err == nil {
		t.Error("a command that the manifest does not name was taken")
	}
	if _, err := s.Type(Typed{UserID: "U1", ChannelID: s.DM("U1"), Command: "/boil"}); err == nil {
		t.Error("a command was taken where people can't write")
	}
	if _, err := s.Type(Typed{UserID: "U1", ChannelID: "C1", Command: "/boil"}); err != nil {
		t.Error(err)
	}
}

// What a manifest has switched off does not work, and what it does not ask for does not come.
func TestWhatAManifestSwitchesOff(t *testing.T) {
	off := strings.NewReplacer("home_tab_enabled: true", "home_tab_enabled: false", "messages_tab_enabled: true", "messages_tab_enabled: false",
		"is_enabled: true", "is_enabled: false", "app_home_opened", "app_mention").Replace(kettleManifest)
	s := workspace(t, WithManifest([]byte(off)))
	c := connect(t, s)
	if got := api(t, s, "views.publish", map[string]any{"user_id": "U1", "view": map[string]any{"type": "home", "blocks": []any{}}}); got.str("error") != "not_enabled" {
		t.Errorf("a Home tab: %v", got.body)
	}
	if got := api(t, s, "chat.postMessage", map[string]any{"channel": "U1", "text": "hello"}); got.str("error") != "messages_tab_disabled" {
		t.Errorf("a direct message: %v", got.body)
	}
	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "hello", "blocks": []any{map[string]any{
		"type": "actions", "elements": []any{map[string]any{
			"type": "button", "action_id": "heat", "text": map[string]any{"type": "plain_text", "text": "Heat"},
		}},
	}}}).str("ts")
	if _, err := s.Press(soon(t), Pressed{UserID: "U1", ChannelID: "C1", TS: ts, ActionID: "heat"}); err == nil {
		t.Error("a press was taken")
	}
	if err := s.OpenHome("U1").Wait(soon(t)); err != nil {
		t.Error(err)
	}
	s.SendEvent(map[string]any{"type": "app_mention", "user": "U1", "channel": "C1"})
	event := c.next()["payload"].(map[string]any)["event"].(map[string]any)
	if event["type"] != "app_mention" {
		t.Errorf("got the event %v", event)
	}
	if got := s.Channels("U1"); len(got) != 1 || got[0].ID != "C1" {
		t.Errorf("got the channels %+v", got)
	}
}

func TestManifestsThatSlackWouldNotTake(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"display_information", "\t", "reading the app's manifest"},
		{"name: Kettle", "nome: Kettle", "nome"},
		{"name: Kettle", "name: " + strings.Repeat("x", 36), "display_information.name has 36 characters"},
		{"name: Kettle", "background_color: '#ffffff'", "display_information.name has 0 characters"},
		{"description: Boils water", "description: " + strings.Repeat("x", 141), "display_information.description has 141"},
		{"description: Boils water", "long_description: short", "long_description has 5"},
		{"display_name: kettle", "always_online: true", "bot_user.display_name has 0"},
		{"command: /boil", "command: boil", `"boil" is no command`},
		{"command: /boil", "command: /boil it", `"/boil it" is no command`},
		{"command: /boil", "command: /Boil", `"/Boil" is no command`},
		{"description: Boil water", "description: ''", "/boil: description has 0"},
		{"should_escape: false", "should_escape: true", "should_escape is not simulated"},
		{"      should_escape: false", "    - {command: /boil, description: Again}", "two commands /boil"},
		{"      - commands\n", "", "lacks commands"},
		{"- chat:write", "- chat:write.public", "lacks chat:write,"},
		{"socket_mode_enabled: true", "socket_mode_enabled: false", "socket_mode_enabled is off"},
		{"socket_mode_enabled: true", "socket_mode_enabled: true\n  token_rotation_enabled: true", "not simulated"},
	} {
		text := strings.Replace(kettleManifest, test.old, test.new, 1)
		s, err := Start(WithManifest([]byte(text)))
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q for %q: %v, want %q", test.new, test.old, err, test.want)
		}
	}
}
