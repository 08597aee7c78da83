// Package engine says what a selection policy is and keeps the elements of a
// pool in the order that its policy asks for, so that a selection costs little
// whatever the size of the pool. A policy tells what one element is worth; the
// engine remembers it, sorts, draws and counts.
//
// It is not the handlespace: it stores no elements, knows no owners and no
// expiry, and it speaks no protocol.
package engine
