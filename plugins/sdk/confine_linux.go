//go:build linux && (amd64 || arm64)

package sdk

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Where a filter finds what it looks at (struct seccomp_data).
const (
	offsetNumber   = 0
	offsetArch     = 4
	offsetArgument = 16 // the lower half of the first one, on little-endian machines
)

// foreign are system calls of other numbering on amd64 (x32).
const foreign = 0x40000000

// denied are the system calls that a confinement gives up. io_uring is among them all,
// since it does the work of other calls past the filter.
var denied = map[Confinement][]uint32{
	NoExec:    {unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_IO_URING_SETUP},
	NoNetwork: {unix.SYS_IO_URING_SETUP}, // and sockets, by their first argument
	NoTrace: {
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PERF_EVENT_OPEN, unix.SYS_BPF,
		unix.SYS_USERFAULTFD, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SETNS, unix.SYS_UNSHARE,
		unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
		unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_IO_URING_SETUP,
	},
}

// confine installs a filter of system calls in all threads of the process, which they
// and their children keep for good.
func confine(all []Confinement) error {
	if len(all) == 0 {
		return nil
	}
	var numbers []uint32
	for _, c := range all {
		calls, ok := denied[c]
		if !ok {
			return fmt.Errorf("there is no confinement %d", c)
		}
		numbers = append(numbers, calls...)
	}
	slices.Sort(numbers)
	f := filter(slices.Compact(numbers), slices.Contains(all, NoNetwork))
	program := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	r, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(f)
	switch {
	case errno != 0:
		return fmt.Errorf("seccomp: %w", errno)
	case r != 0:
		return fmt.Errorf("seccomp: thread %d has another filter", r)
	}
	return nil
}

// filter returns a program that lets all system calls pass but those given, and
// sockets that are not local if so wanted: these fail as not permitted.
func filter(numbers []uint32, noNetwork bool) []unix.SockFilter {
	arch := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		arch = unix.AUDIT_ARCH_AARCH64
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// jump goes on after so many instructions if the comparison holds or does not.
	jump := func(compare uint16, k uint32, holds, not int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | compare | unix.BPF_K, K: k, Jt: uint8(holds), Jf: uint8(not)}
	}
	result := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	deny := result(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))

	f := []unix.SockFilter{
		load(offsetArch),
		jump(unix.BPF_JEQ, arch, 1, 0),
		deny,
		load(offsetNumber),
		jump(unix.BPF_JGE, foreign, 0, 1),
		deny,
	}
	for _, n := range numbers {
		f = append(f, jump(unix.BPF_JEQ, n, 0, 1), deny)
	}
	if noNetwork {
		f = append(f,
			jump(unix.BPF_JEQ, unix.SYS_SOCKET, 0, 3),
			load(offsetArgument),
			jump(unix.BPF_JEQ, unix.AF_UNIX, 1, 0),
			deny,
		)
	}
	return append(f, result(unix.SECCOMP_RET_ALLOW))
}
