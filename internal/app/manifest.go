package app

import (
	"context"
	"strings"
	"text/template"

	"importbot/internal/config"
)

// manifestText is the Slack app's manifest in YAML, which has comments where JSON has none.
const manifestText = `# Slack app manifest of Importbot. At api.slack.com/apps: Create New App, From a manifest, your workspace, the tab YAML, and paste.
# Then two tokens are left to make:
#   SLACK_APP_TOKEN  Basic Information, App-Level Tokens, Generate, with the scope connections:write
#   SLACK_BOT_TOKEN  Install App, then OAuth & Permissions
display_information:
  name: Importbot
  description: Runs and watches BigFix Inventory data imports
  background_color: "#1d4d4f"
features:
  # Its Home tab shows every server at a glance. The Messages tab is where its direct messages are read: the end of an import that you
  # wanted to be told of, and answers that came too late for the place where you asked. It reads none itself.
  app_home:
    home_tab_enabled: true
    messages_tab_enabled: true
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: importbot
    always_online: true
  slash_commands:
    - command: {{.Command}}
      description: Run and watch BigFix Inventory data imports
      usage_hint: "status | history | raw | complete | cancel | mute 2h [REASON] | unmute | status all | raw after | complete after | help"
      should_escape: false
oauth_config:
  scopes:
    bot:
      # The slash command, and writing to channels it was invited to.
      - commands
      - chat:write
      # Writing to public channels it was not invited to. May go if you invite it.
      - chat:write.public
{{- if .Groups}}
      # Who is in the user groups that IMPORT_OPERATORS names.
      - usergroups:read
{{- else}}
      # Who is in a user group. Needed once IMPORT_OPERATORS names one (S…); it names none now.
      # - usergroups:read
{{- end}}
{{- if or .Groups .Everybody}}
      # Who is a guest, or of another workspace: IMPORT_OPERATORS lets in {{if .Everybody}}everybody{{else}}a group{{end}}, and guests only where they are named.
      - users:read
{{- else}}
      # Who is a guest. Needed once IMPORT_OPERATORS lets in a user group or everybody (*); it names each person now.
      # - users:read
{{- end}}
settings:
  # Tells the bot who looks at its Home tab, so that it is fresh then.
  event_subscriptions:
    bot_events:
      - app_home_opened
  # The buttons on cards, answers and the Home tab. Presses come through the socket: no address has to be set.
  interactivity:
    is_enabled: true
  org_deploy_enabled: false
  socket_mode_enabled: true
  token_rotation_enabled: false
`

func (p Program) manifest(_ context.Context, args []string) error {
	if _, err := p.parse(p.flags("manifest"), args, 0, 0); err != nil {
		return err
	}
	app, err := config.AppOf(p.source())
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := template.Must(template.New("manifest").Parse(manifestText)).Execute(&text, app); err != nil {
		return err
	}
	_, err = p.Stdout.Write([]byte(text.String()))
	return err
}
