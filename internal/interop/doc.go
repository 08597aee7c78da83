// Package interop holds the tests against the reference implementation and the
// kernel's SCTP. They need a kernel with SCTP and the reference's programs, so they
// are built with the tag interop and run in the lab's guest: make lab.
//
// It holds no code of its own.
package interop
