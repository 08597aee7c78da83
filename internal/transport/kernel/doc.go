// Package kernel is the door to the SCTP of the Linux kernel: associations over
// one-to-many sockets that the runtime polls, multi-homed where there are several
// addresses. Other systems have the package, and a door that does not open.
//
// It does not implement SCTP: handshakes, retransmissions and the supervision of
// paths are the kernel's. What it adds is that no peer and no handler holds up
// another's messages, although they share a socket.
//
// An association that outgrows its part of the shared socket, because its peer
// does not read or its handler is slow, gets a socket of its own (RFC 6458,
// Section 9.2). No association has a thread.
package kernel
