package slacksim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// App is what Slack knows of the installed app: from its manifest, or where it
// was installed without one, that it may do everything and any command is its.
type App struct {
	Name, Description string
	Commands          []SlashCommand
	HomeTab           bool
	MessagesTab       bool // it can write direct messages
	MessagesReadOnly  bool // and people can't write back
	Interactive       bool // it hears of presses
	Events            []string
	Scopes            []string // of the bot token
}

// SlashCommand is one command as Slack offers it while a person types.
type SlashCommand struct {
	Command     string // with its slash
	Description string
	UsageHint   string
}

// WithManifest installs the app from its manifest, in YAML or JSON: its name, its
// commands, its scopes and what it has switched on. What the manifest leaves out is
// off. [Start] returns an error for one that Slack would not take, for keys that this
// simulator does not know, and for what it does not simulate.
func WithManifest(text []byte) Option { return func(c *config) { c.manifest = text } }

// manifest is the file, as far as it is simulated.
type manifest struct {
	Display struct {
		Name            string `yaml:"name"`
		Description     string `yaml:"description"`
		LongDescription string `yaml:"long_description"`
		Background      string `yaml:"background_color"`
	} `yaml:"display_information"`
	Features struct {
		AppHome struct {
			Home     bool `yaml:"home_tab_enabled"`
			Messages bool `yaml:"messages_tab_enabled"`
			ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
		} `yaml:"app_home"`
		BotUser struct {
			Name   string `yaml:"display_name"`
			Online bool   `yaml:"always_online"`
		} `yaml:"bot_user"`
		Commands []manifestCommand `yaml:"slash_commands"`
	} `yaml:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		Interactivity struct {
			Enabled bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		OrgDeploy     bool `yaml:"org_deploy_enabled"`
		SocketMode    bool `yaml:"socket_mode_enabled"`
		TokenRotation bool `yaml:"token_rotation_enabled"`
	} `yaml:"settings"`
}

type manifestCommand struct {
	Command     string `yaml:"command"`
	Description string `yaml:"description"`
	UsageHint   string `yaml:"usage_hint"`
	Escape      bool   `yaml:"should_escape"`
}

// Slack's limits for a manifest, in characters.
const (
	maxAppName            = 35
	maxAppDescription     = 140
	maxLongDescription    = 4_000
	minLongDescription    = 175
	maxBotName            = 80
	maxCommand            = 32
	maxCommandDescription = 2_000
	maxUsageHint          = 1_000
	maxCommands           = 50
)

// readManifest parses and checks a manifest.
func readManifest(text []byte) (*manifest, error) {
	var m manifest
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return nil, fmt.Errorf("reading the app's manifest: %w", err)
	}
	if faults := append(m.faults(), m.commandFaults()...); len(faults) > 0 {
		return nil, fmt.Errorf("the app's manifest: %w", errors.Join(faults...))
	}
	return &m, nil
}

// faults is what Slack would not take, or this simulator can't do.
func (m *manifest) faults() (faults []error) {
	d, bot := m.Display, m.Features.BotUser.Name
	faults = append(faults,
		between("display_information.name", d.Name, 1, maxAppName),
		between("display_information.description", d.Description, 0, maxAppDescription),
		between("features.bot_user.display_name", bot, 1, maxBotName),
	)
	if d.LongDescription != "" {
		faults = append(faults, between("display_information.long_description", d.LongDescription, minLongDescription, maxLongDescription))
	}
	scopes := m.OAuth.Scopes.Bot
	need := func(scope, why string, needed bool) {
		if needed && !slices.Contains(scopes, scope) {
			faults = append(faults, fmt.Errorf("oauth_config.scopes.bot lacks %s, which %s", scope, why))
		}
	}
	need("commands", "slash commands need", len(m.Features.Commands) > 0)
	need("chat:write", "chat:write.public needs", slices.Contains(scopes, "chat:write.public"))
	if !m.Settings.SocketMode {
		faults = append(faults, errors.New("settings.socket_mode_enabled is off: there is no other way to reach an app here"))
	}
	if m.Settings.TokenRotation || m.Settings.OrgDeploy {
		faults = append(faults, errors.New("settings: token rotation and organizations are not simulated"))
	}
	return slices.DeleteFunc(faults, func(err error) bool { return err == nil })
}

func (m *manifest) commandFaults() (faults []error) {
	if n := len(m.Features.Commands); n > maxCommands {
		faults = append(faults, fmt.Errorf("features.slash_commands are %d, %d are allowed", n, maxCommands))
	}
	seen := map[string]bool{}
	for _, c := range m.Features.Commands {
		name := strings.TrimPrefix(c.Command, "/")
		switch {
		case name == c.Command, name == "", strings.ContainsAny(name, "/ \t"), name != strings.ToLower(name), len(c.Command) > maxCommand:
			faults = append(faults, fmt.Errorf("%q is no command: a slash and then one word, in small letters", c.Command))
		case seen[name]:
			faults = append(faults, fmt.Errorf("there are two commands %s", c.Command))
		case c.Escape:
			faults = append(faults, fmt.Errorf("%s: should_escape is not simulated", c.Command))
		}
		seen[name] = true
		faults = append(faults,
			between(c.Command+": description", c.Description, 1, maxCommandDescription),
			between(c.Command+": usage_hint", c.UsageHint, 0, maxUsageHint))
	}
	return slices.DeleteFunc(faults, func(err error) bool { return err == nil })
}

func between(field, text string, least, most int) error {
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return fmt.Errorf("%s has %d characters; %d to %d are allowed", field, n, least, most)
	}
	return nil
}

// install gives the app what its manifest says. Nothing runs yet.
func (s *Sim) install(text []byte) error {
	m, err := readManifest(text)
	if err != nil {
		return err
	}
	home := m.Features.AppHome
	s.app = App{
		Name: m.Display.Name, Description: m.Display.Description, MessagesTab: home.Messages, MessagesReadOnly: home.ReadOnly,
		Interactive: m.Settings.Interactivity.Enabled, Events: m.Settings.Events.Bot,
	}
	for _, c := range m.Features.Commands {
		s.app.Commands = append(s.app.Commands, SlashCommand{Command: c.Command, Description: c.Description, UsageHint: c.UsageHint})
	}
	s.byManifest, s.homeOff, s.BotName, s.cfg.scopes = true, !home.Home, m.Features.BotUser.Name, m.OAuth.Scopes.Bot
	return nil
}

// App returns what Slack knows of the app.
func (s *Sim) App() App {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.app
	app.HomeTab = !s.homeOff
	app.Commands, app.Events, app.Scopes = slices.Clone(app.Commands), slices.Clone(app.Events), slices.Clone(s.cfg.scopes)
	return app
}

// SlashCommands returns the commands that Slack offers here: those of the app's
// manifest, none where it was installed without one.
func (s *Sim) SlashCommands() []SlashCommand { return s.App().Commands }

// hasCommand reports whether a command is the app's. s.mu is held.
func (s *Sim) hasCommand(command string) bool {
	return !s.byManifest || slices.ContainsFunc(s.app.Commands, func(c SlashCommand) bool { return c.Command == command })
}

// hears reports whether the app asked for a type of event. s.mu is held.
func (s *Sim) hears(event string) bool { return !s.byManifest || slices.Contains(s.app.Events, event) }
