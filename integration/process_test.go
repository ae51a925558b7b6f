package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long the server may take to stop once it is told to.
const stopTime = 10 * time.Second

// process is a program that runs.
type process struct {
	command *exec.Cmd
	stdout  journal
	stderr  journal
	exited  chan struct{}
	stopped sync.Once
	fault   error // of stopping
}

// launch starts a program in a folder. Its environment holds nothing but what is
// given, so that the machine's cannot leak into what is tested.
func launch(dir string, variables []string, name string, args ...string) (*process, error) {
	return launchAs(nil, dir, variables, name, args...)
}

// launchAs starts it as somebody else, or in another root, if told so.
func launchAs(whom *syscall.SysProcAttr, dir string, variables []string, name string, args ...string) (*process, error) {
	p := &process{command: exec.Command(name, args...), exited: make(chan struct{})}
	p.command.Dir, p.command.SysProcAttr = dir, whom
	p.command.Env = append(clean(), variables...)
	p.command.Stdout, p.command.Stderr = &p.stdout, &p.stderr
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.command.Wait() // the exit code says it all
		close(p.exited)
	}()
	return p, nil
}

// clean is an environment in which programs are found, and home is nowhere.
func clean() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
}

// say runs a program to its end and returns what it prints.
func say(ctx context.Context, dir, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = dir, clean()
	output, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w\n%s%s", strings.Join(append([]string{name}, args...), " "), err, output, failed.Stderr)
	}
	return string(output), err
}

// stop tells the process to end as an operator would, and insists that it does so
// in time, with exit code 0, and without having reported a fault of its own.
func (p *process) stop() error {
	p.stopped.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM) // fails if it has ended, which exit tells
		p.fault = p.exit()
	})
	return p.fault
}

// kill ends the process as a failing machine would, at once and without a word.
func (p *process) kill() error {
	p.stopped.Do(func() {
		_ = p.command.Process.Kill() // fails if it has ended
		<-p.exited
		p.fault = p.faultless()
	})
	return p.fault
}

var faults = regexp.MustCompile(`(?m)^.*(level=ERROR|msg=panic|WARNING: DATA RACE|fatal error:).*$|^panic: .*$`)

// exit waits until the process has ended by itself.
func (p *process) exit() error {
	select {
	case <-p.exited:
	case <-time.After(stopTime):
		_ = p.command.Process.Kill()
		<-p.exited
		return fmt.Errorf("did not end within %s:\n%s", stopTime, &p.stderr)
	}
	if code := p.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d:\n%s", code, &p.stderr)
	}
	return p.faultless()
}

func (p *process) faultless() error {
	if found := faults.FindString(p.stderr.String()); found != "" {
		return fmt.Errorf("logged %q:\n%s", found, &p.stderr)
	}
	return nil
}

// journal keeps what a process prints.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
