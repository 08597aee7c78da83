// Package handlespace is the memory of a registrar: pools by handle, their
// elements, who owns them, their checksums and when they expire. A user keeps
// what it learnt about a pool in the same form.
//
// It is not a protocol: it sends nothing, decides nothing about peers and has no
// clock. A Space has one owner and is not safe for concurrent use.
package handlespace
