// Package pool is what a server calls to join a pool and a client calls to use
// one: Listen and Accept on one side, Dial, Send and Recv on the other. Sessions
// outlive their servers: when an element dies, the user's session moves to
// another, which goes on from the last saved state.
//
// It is not a registrar, which package registrar is, and it reads no
// configuration files.
//
// # Hosts
//
// A Host is a process's door: one UDP socket, and one association with a home
// registrar, for any number of elements and sessions. Listen and Dial make one of
// their own where they are given none; a program with several gives them the same.
// A host finds its registrar in a list, or by multicast announcements, and finds
// another when it is lost; its elements are registered there anew by themselves.
//
// # Bringing your own connection
//
// Register enters a service into a pool that the program serves by other means
// (TCP, UDP); Resolve, Watch and Report are the client's side of that.
package pool
