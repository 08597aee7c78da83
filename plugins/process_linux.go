package plugins

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// becomeReaper makes the host the parent of what its plugins leave behind, so that
// children which left the process group are found.
var becomeReaper = sync.OnceFunc(func() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // else init is their parent, as ever
})

// byDescriptor makes cmd start the open file itself, whatever its name leads to by
// now.
func byDescriptor(cmd *exec.Cmd, f *os.File) {
	cmd.ExtraFiles = []*os.File{f}
	cmd.Path = "/proc/self/fd/3"
}

// launch starts the process from a thread of its own, which stays until the process
// has ended: the kernel ends a process with the thread that started it
// (PR_SET_PDEATHSIG), and takes from that thread that no privileges can be gained
// (PR_SET_NO_NEW_PRIVS).
func (p *process) launch() error {
	becomeReaper()
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	p.cmd.SysProcAttr.Setpgid = true
	p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is no longer as others
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = p.cmd.Start()
		}
		if err == nil {
			p.limit()
		}
		started <- err
		if err == nil {
			p.await()
		}
	}()
	return <-started
}

// limit sets the resource limits. The process runs already; what it does before is
// not bounded, but what it keeps is.
func (p *process) limit() {
	set := func(resource int, v int64) {
		if v >= 0 {
			_ = unix.Prlimit(p.cmd.Process.Pid, resource, &unix.Rlimit{Cur: uint64(v), Max: uint64(v)}, nil) // it has ended, or has less
		}
	}
	set(unix.RLIMIT_CORE, 0)
	set(unix.RLIMIT_AS, p.limits.AddressSpace)
	set(unix.RLIMIT_NOFILE, p.limits.Files)
	if p.owner {
		set(unix.RLIMIT_NPROC, p.limits.Processes)
	}
}

// await waits for the process to end and kills what it leaves behind.
func (p *process) await() {
	pid := p.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	p.mu.Lock()
	p.killGroup() // while the process ID is still taken, if by a dead process
	p.err = p.cmd.Wait()
	p.reaped = true
	p.mu.Unlock()
	_ = p.stdin.Close()
	p.sweep(pid)
	close(p.done)
}

func (p *process) killGroup() {
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL) // nobody left to kill is fine
}

// sweep kills and reaps the orphans of the process. Killing one may make orphans of
// others, so it looks again until there are none.
func (p *process) sweep(group int) {
	for range 50 {
		orphans := p.orphans(group)
		if len(orphans) == 0 {
			return
		}
		for _, pid := range orphans {
			_ = unix.Kill(pid, unix.SIGKILL)
			for range 100 {
				if n, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); n != 0 || err != nil && err != unix.EINTR {
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// orphans returns the children of the host that were the process's, by their group
// or session, or by the token in their environment.
func (p *process) orphans(group int) []int {
	self, mark := os.Getpid(), []byte(tokenName+"="+p.token)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The fields after the name, which may contain anything: state, parent,
		// group, session.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 4 || fields[1] != strconv.Itoa(self) {
			continue
		}
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // another user's cannot be read
		if id := strconv.Itoa(group); fields[2] == id || fields[3] == id || bytes.Contains(env, mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// runAs makes cmd run as somebody else, who also gets the folder.
func runAs(cmd *exec.Cmd, name, group, folder string) error {
	uid, gid := os.Getuid(), os.Getgid()
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			if u, err = user.LookupId(name); err != nil {
				return fmt.Errorf("there is no user %q", name)
			}
		}
		uid, _ = strconv.Atoi(u.Uid) // decimal on this system
		gid, _ = strconv.Atoi(u.Gid)
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return fmt.Errorf("there is no group %q", group)
			}
		}
		gid, _ = strconv.Atoi(g.Gid)
	}
	if os.Getuid() != 0 {
		if uid == os.Getuid() && gid == os.Getgid() {
			return nil
		}
		return errors.New("only root can start a plugin as another user")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(folder, uid, gid)
}
