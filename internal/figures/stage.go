package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

const (
	channelID = "C0IMPORTS"
	people    = 1000
)

// operator is the n-th person of the simulated workspace.
func operator(n int) string { return fmt.Sprintf("U%09d", n) }

// stage is the program as a process between the two simulators.
type stage struct {
	slack   *slacksim.Sim
	server  *bigfixtest.Server
	process *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{} // closed when the process is over
	status  error         // how it ended
	dir     string
}

// newStage sets the stage; start raises the curtain. The settings are added to the program's environment.
func newStage(ctx context.Context, program string, settings ...string) (*stage, error) {
	dir, err := os.MkdirTemp("", "importbot-stage-")
	if err != nil {
		return nil, err
	}
	slack := slacksim.New()
	slack.AddChannel(channelID, "bigfix-imports")
	for n := range people {
		slack.AddUser(operator(n), fmt.Sprintf("person-%d", n))
	}
	server := bigfixtest.NewServer(
		bigfixtest.WithDuration(bigfix.TypeRaw, 20*time.Second),
		bigfixtest.WithDuration(bigfix.TypeComplete, time.Hour))
	s := &stage{slack: slack, server: server, dir: dir, ended: make(chan struct{})}
	s.process = exec.CommandContext(ctx, program, "run")
	s.process.Dir = dir
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	s.process.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LOG_LEVEL=warn",
		"SLACK_BOT_TOKEN=" + slack.BotToken, "SLACK_APP_TOKEN=" + slack.AppToken, "SLACK_API_URL=" + slack.APIURL(), "SLACK_CHANNEL=" + channelID,
		"IMPORT_OPERATORS=*", "BIGFIX_NAME=prod", "BIGFIX_URL=" + server.URL, "BIGFIX_TOKEN=" + server.Token,
		"DATABASE_URL=" + filepath.Join(dir, "importbot.db"), "HTTP_ADDR=127.0.0.1:0",
	}, settings...)
	return s, nil
}

// start returns how long it took from the process's start until commands are heard and the server has been seen.
func (s *stage) start(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	if err := s.process.Start(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ctx, ended := context.WithCancel(ctx)
	go func() { // a process that ends is not waited for
		s.status = s.process.Wait()
		close(s.ended)
		ended()
	}()
	err := s.slack.Wait(ctx, func() bool { return s.slack.Connections() > 0 })
	if err == nil {
		_, err = s.server.Wait(ctx, func(r bigfixtest.Request) bool { return r.Run == "" })
	}
	if err != nil {
		return 0, fmt.Errorf("importbot did not get ready: %w", s.said(err))
	}
	return time.Since(begin), nil
}

// typed types a command and waits for its acknowledgement.
func (s *stage) typed(ctx context.Context, user, text string) (*slacksim.Invocation, error) {
	return s.slack.Command(ctx, slacksim.Typed{UserID: user, ChannelID: channelID, Command: "/import", Text: text})
}

// began waits until the import runs on the server.
func (s *stage) began(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := s.server.Wait(ctx, func(r bigfixtest.Request) bool { return r.Run != "" }); err != nil {
		return fmt.Errorf("no import began: %w", s.said(err))
	}
	return nil
}

// said ends the process and adds what it printed to the error.
func (s *stage) said(err error) error {
	_ = s.process.Process.Kill()
	<-s.ended
	return fmt.Errorf("%w; the process ended with %v and printed:\n%s", err, s.status, &s.output)
}

// verdict is an error where a rule of Slack's was broken.
func (s *stage) verdict() error {
	var broken []error
	for _, v := range s.slack.Violations() {
		broken = append(broken, errors.New(v.String()))
	}
	return errors.Join(broken...)
}

func (s *stage) close() {
	if s.process.Process != nil {
		_ = s.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(15 * time.Second):
			_ = s.process.Process.Kill()
			<-s.ended
		}
	}
	s.server.Close()
	s.slack.Close()
	os.RemoveAll(s.dir)
}
